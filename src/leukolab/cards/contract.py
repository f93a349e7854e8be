"""What a file or folder in `datasets/` offers; the registry asks for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from leukolab.cards.card import Card
from leukolab.cards.reading import Reading
from leukolab.cards.verdict import VerifyResult
from leukolab.spec import DataSpec


class DataSet(Protocol):
    """A module in `datasets/`, named as its card."""

    CARD: Card

    def find_root(self, path: Path) -> Path | None:
        """The root of the data set at, below or above `path`, by content; None where it is not there."""

    def read(self, root: Path, spec: DataSpec) -> Reading:
        """The images below `root`: their index, see `index.make_index`, and what was left out. Pixels are not opened.

        Args:
            root: as `find_root` gives it.
            spec: `parts` are some of `CARD.parts`, or None for what is usual; `view` is one of `CARD.views` or None;
                patterns and columns are given only where `CARD.generic`.

        Raises:
            DataError: files are missing or not named as they should be.
        """

    def verify(self, root: Path, spec: DataSpec) -> VerifyResult:
        """Compare what is below `root` with what is known of the data set; `readability.verify_readable` at least.

        Raises:
            DataError: the data set cannot be listed at all.
        """

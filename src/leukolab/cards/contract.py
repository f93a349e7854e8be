"""What a file or folder in `datasets/` offers; the registry asks for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pandas as pd

from leukolab.cards.card import Card
from leukolab.cards.verdict import VerifyResult


class DataSet(Protocol):
    """A module in `datasets/`, named as its card."""

    CARD: Card

    def find_root(self, path: Path) -> Path | None:
        """The root of the data set at, below or above `path`, by content; None where it is not there."""

    def read_index(
        self, root: Path, parts: tuple[str, ...] | None = None, view: str | None = None, subject_from: str | None = None
    ) -> pd.DataFrame:
        """The index of the images below `root`, see `index.make_index`. Pixels are not opened.

        Args:
            root: as `find_root` gives it.
            parts: some of `CARD.parts`; what is usual for the data set where None.
            view: one of `CARD.views`; the data set's own classes where None.
            subject_from: a pattern for subjects; given only where `CARD.subject_from`.

        Raises:
            DataError: files are missing or not named as they should be.
        """

    def verify(self, root: Path) -> VerifyResult:
        """Compare what is below `root` with what is known of the data set; `readability.verify_readable` at least.

        Raises:
            DataError: the data set cannot be listed at all.
        """

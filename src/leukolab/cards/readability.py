"""Which images of a data set can be read: the proof of a data set whose official bytes nobody published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from leukolab.base.errors import ImageError
from leukolab.cards.card import Card
from leukolab.cards.verdict import VerifyResult, count_classes
from leukolab.images import decode, map_files


def verify_readable(
    card: Card,
    root: Path,
    index: pd.DataFrame,
    missing: tuple[str, ...] = (),
    extra: tuple[str, ...] = (),
) -> VerifyResult:
    """Count the images by part and class beside the card's counts, and decode every one.

    Args:
        card: of the data set.
        root: its root.
        index: one row per image: columns path, part, class_name.
        missing, extra: what the data set found out itself, relative to the root.
    """
    unreadable = tuple(sentence for sentence in map_files(_reading_error, _paths(index), "Reading images") if sentence)
    found = index[["part", "class_name"]].itertuples(index=False, name=None)
    return VerifyResult(
        card=card,
        root=root,
        counts=count_classes(card.counts, found),
        missing=missing,
        extra=extra,
        unreadable=unreadable,
        read=len(index) - len(unreadable),
    )


def _paths(index: pd.DataFrame) -> list[Path]:
    return [Path(path) for path in index["path"]]


def _reading_error(path: Path) -> str:
    """Why an image cannot be read; empty where it can."""
    try:
        decode(path)
    except ImageError as error:
        return str(error)
    return ""

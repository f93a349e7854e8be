"""Which images of a data set can be read: the proof of a data set whose official bytes nobody published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from leukolab.base.errors import ImageError
from leukolab.cards.card import Card
from leukolab.cards.verdict import VerifyResult, count_classes
from leukolab.images import PixelRange, decode, map_files, pixel_findings, pixel_range


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
        index: one row per image: columns image_id, path, part, class_name.
        missing, extra: what the data set found out itself, relative to the root.
    """
    looks = list(map_files(_look, _paths(index), "Reading images"))
    unreadable = tuple(look for look in looks if isinstance(look, str))
    seen = [(name, look) for name, look in zip(index["image_id"], looks, strict=True) if isinstance(look, PixelRange)]
    found = index[["part", "class_name"]].itertuples(index=False, name=None)
    return VerifyResult(
        card=card,
        root=root,
        counts=count_classes(card.counts, found),
        missing=missing,
        extra=extra,
        unreadable=unreadable,
        read=len(index) - len(unreadable),
        findings=pixel_findings([name for name, _ in seen], [look for _, look in seen]),
    )


def _paths(index: pd.DataFrame) -> list[Path]:
    return [Path(path) for path in index["path"]]


def _look(path: Path) -> PixelRange | str:
    """What an image uses of its range, or why it cannot be read."""
    try:
        return pixel_range(decode(path))
    except ImageError as error:
        return str(error)

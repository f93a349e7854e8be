"""From the rows a reader found to the index table that every other room reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError
from leukolab.cards.card import HIDDEN, View
from leukolab.cards.listing import natural


@dataclass(frozen=True)
class Found:
    """One image file as a reader found it."""

    path: Path
    class_name: str | None
    """Original class; None where hidden."""
    part: str
    subject: str | None = None
    field: str | None = None
    official_fold: int | None = None
    number: int | None = None
    """File number that orders images inside a class; the rank of the file's name where None."""


def make_index(root: Path, found: Iterable[Found], class_names: Sequence[str], view: View | None) -> pd.DataFrame:
    """The index: one row per image, sorted by image_id.

    Columns: image_id (relative path with slashes), path, label (int64, -1 hidden), class_name (of the view),
    class_name_full (original), subject, field, part, official_fold (Int64), order (int64).

    Raises:
        DataError: an image was found twice, or under two endings.
    """
    rows = sorted(((image_id(root, one.path), one) for one in found), key=lambda row: row[0])
    _check_unique([name for name, _ in rows])
    names = list(view.class_names if view else class_names)
    labels = [_label(one.class_name, class_names, view) for _, one in rows]
    table = {
        "image_id": [name for name, _ in rows],
        "path": [str(one.path.absolute()) for _, one in rows],
        "label": np.array(labels, dtype=np.int64),
        "class_name": [names[label] if label >= 0 else HIDDEN for label in labels],
        "class_name_full": [one.class_name or HIDDEN for _, one in rows],
        "subject": pd.Series([one.subject for _, one in rows], dtype=object),
        "field": pd.Series([one.field for _, one in rows], dtype=object),
        "part": [one.part for _, one in rows],
        "official_fold": pd.array([one.official_fold for _, one in rows], dtype="Int64"),
        "order": _orders(rows),
    }
    return pd.DataFrame(table)


def image_id(root: Path, path: Path) -> str:
    """The path from the root with forward slashes, steps up (`..`) in it taken.

    Raises:
        DataError: it lies elsewhere, and an absolute path would mean nothing on another machine.
    """
    if path.is_relative_to(root) and ".." in path.relative_to(root).parts:
        root, path = root.resolve(), path.resolve()
    if not path.is_relative_to(root):
        raise DataError(
            f"{path.name}: expected every image below {root}, found one elsewhere. Move the CSV above all images."
        )
    return path.relative_to(root).as_posix()


def _label(class_name: str | None, class_names: Sequence[str], view: View | None) -> int:
    if class_name is None:
        return -1
    return view.labels[class_name] if view else list(class_names).index(class_name)


def _orders(rows: Sequence[tuple[str, Found]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ranks = {name: rank for rank, name in enumerate(sorted((name for name, _ in rows), key=natural), start=1)}
    return np.array([ranks[name] if one.number is None else one.number for name, one in rows], dtype=np.int64)


def _check_unique(names: Sequence[str]) -> None:
    """Refuse an image that is listed twice, or under two endings."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.rsplit(".", 1)[0], name)
        if other != name:
            raise DataError(
                f"{name}: expected each image once, found '{other}' and '{name}', which differ in their ending. "
                "Keep one of the two."
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{twice[0]}: expected each image once, found the same image twice. Keep one of the two.")

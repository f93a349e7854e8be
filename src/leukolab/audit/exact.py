"""Pairs that are one picture beyond doubt: the same bytes, the same pixels, or the same pixels flipped or turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from leukolab.audit.looks import UNREAD
from leukolab.base.errors import ImageError
from leukolab.images import decode, pixel_digest
from leukolab.images.decode import Pixels

BYTES, PIXELS, FLIPPED = "identical_bytes", "identical_pixels", "flipped"
"""Kinds of pairs that are proved by digests."""

TURNS: tuple[tuple[int, bool], ...] = tuple((quarter, flip) for flip in (False, True) for quarter in range(4))
"""The eight ways to lay a picture: quarter turns to the left, after a flip from left to right or not."""

Pair = tuple[int, int, str, int]
"""Two rows, the kind, and the turn (an index into `TURNS`) that lays the first as the second lies."""


def turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """A picture (h, w, ...) laid in one of the eight ways; a view.

    Args:
        picture: rows and columns first.
        turn: an index into `TURNS`; 0 leaves it as it is.
    """
    quarter, flip = TURNS[turn]
    return np.rot90(picture[:, ::-1] if flip else picture, quarter)


def exact_pairs(table: pd.DataFrame, paths: Sequence[Path]) -> list[Pair]:
    """Pairs of the same bytes, pixels, or flipped pixels; each picture is tied to the first of its like.

    So a picture in m files gives m - 1 pairs, and files are read again only where colours agree and pixels do not.

    Args:
        table: of `Looks`.
        paths: the files, in its order.
    """
    seen = table.reset_index(drop=True)
    seen = seen[seen["form"] != UNREAD]
    pairs: list[Pair] = []
    for _, same in seen.groupby("pixel_digest", sort=False):
        pairs += _equal(same)
    firsts = seen.drop_duplicates("pixel_digest")
    for _, alike in firsts.groupby("colours_digest", sort=False):
        pairs += _flipped(alike, paths) if len(alike) > 1 else []
    return sorted(pairs)


def _equal(same: pd.DataFrame) -> Iterator[Pair]:
    """Pairs in a set of equal pixels: each file with the first of the same bytes, those with the first of all."""
    first = int(same.index[0])
    heads = same.drop_duplicates("file_digest")
    yield from ((first, int(row), PIXELS, 0) for row in heads.index[1:])
    for _, copies in same.groupby("file_digest", sort=False):
        yield from ((int(copies.index[0]), int(row), BYTES, 0) for row in copies.index[1:])


def _flipped(alike: pd.DataFrame, paths: Sequence[Path]) -> Iterator[Pair]:
    """Pairs of pictures that are each other's flip or rotation."""
    lays = {int(row): _digests(paths[int(row)]) for row in alike.index}
    found: set[int] = set()
    for first, second in combinations(lays, 2):
        own = lays[second][0] if lays[second] else ""
        if second not in found and own in lays[first]:
            found.add(second)
            yield first, second, FLIPPED, lays[first].index(own)


def _digests(path: Path) -> list[str]:
    """Pixel digest of each lay of a picture, in the order of `TURNS`; none where the file has gone."""
    try:
        picture: Pixels = decode(path)
    except ImageError:
        return []
    return [pixel_digest(turned(picture, turn)) for turn in range(len(TURNS))]

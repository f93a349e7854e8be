"""The most similar pairs among all, exactly, by matrix products of blocks: memory grows with images, not with pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leukolab.audit.exact import turned
from leukolab.base.progress import progress

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

Score = Callable[[int, int, int], Floats]

BLOCK_ROWS = 512
_LEAST_ALIKE = 0.15


@dataclass(frozen=True)
class Nearest:
    """Pairs with their similarity, the most similar first.

    Attributes:
        first: int64 (p,), rows; always under `second`.
        second: int64 (p,).
        turn: int64 (p,), how the first is laid, an index into `exact.TURNS`.
        score: float32 (p,), correlation from -1 to 1.
    """

    first: Rows
    second: Rows
    turn: Rows
    score: Floats


@dataclass(frozen=True)
class Search:
    """What a search through all pairs kept.

    Attributes:
        searched: the most similar pairs that can be twins: of one class, or of an unknown one.
        known_false: the most similar pairs of two classes.
        searched_count: pairs compared of the first sort, each turn counted.
        known_false_count: of the second.
        full: whether pairs of the first sort were left out for want of room.
    """

    searched: Nearest
    known_false: Nearest
    searched_count: int
    known_false_count: int
    full: bool


class _Keeper:
    """The best pairs so far: what falls under `floor` is not kept."""

    def __init__(self, most: int, floor: float) -> None:
        self.most, self.floor, self.full = most, floor, False
        self._parts: list[tuple[Rows, Rows, Rows, Floats]] = []
        self._held = 0

    def take(self, scores: Floats, allowed: NDArray[np.bool_], start: int, turn: int) -> None:
        """Keep the good pairs of a block whose first row and column is image `start`."""
        rows, columns = np.nonzero((scores > self.floor) & allowed)
        self._parts.append((rows + start, columns + start, np.full(len(rows), turn), scores[rows, columns]))
        self._held += len(rows)
        if self._held > 2 * self.most:
            self._shrink()

    def _shrink(self) -> None:
        first, second, turn, score = self._joined()
        if len(score) > self.most:
            best = np.argpartition(score, -self.most)[-self.most :]
            first, second, turn, score = first[best], second[best], turn[best], score[best]
            self.floor, self.full = float(score.min()), True
        self._parts, self._held = [(first, second, turn, score)], len(score)

    def _joined(self) -> tuple[Rows, Rows, Rows, Floats]:
        empty = np.zeros(0, np.int64)
        parts = self._parts or [(empty, empty, empty, np.zeros(0, np.float32))]
        first, second, turn, score = (np.concatenate(column) for column in zip(*parts, strict=True))
        return first, second, turn, score

    def best(self) -> Nearest:
        """What was kept, the best first."""
        self._shrink()
        first, second, turn, score = self._joined()
        order = np.lexsort((turn, second, first, -score))
        return Nearest(first[order], second[order], turn[order], score[order])


def nearest(
    textures: NDArray[np.float16], labels: Rows, turns: Sequence[int], most: int, block_rows: int = BLOCK_ROWS
) -> Search:
    """Compare every image with every other, in each of these lays, and keep the most similar pairs.

    Args:
        textures: float16 (n, e, e), each of norm 1, or 0 where there is nothing to compare.
        labels: int64 (n,), -1 where unknown.
        turns: how the first image of a pair is laid, indices into `exact.TURNS`.
        most: pairs that are kept of each sort; where more are alike the least alike are left out.
        block_rows: images compared with all others at once; changes memory and time, not the result.
    """
    values = textures.shape[1] * textures.shape[2]
    vectors = textures.reshape(len(textures), values).astype(np.float32)

    def score(start: int, stop: int, turn: int) -> Floats:
        laid = np.stack([turned(one, turn) for one in textures[start:stop]]).reshape(stop - start, values)
        return np.asarray(laid.astype(np.float32) @ vectors[start:].T)

    return search_pairs(score, labels, turns, most, block_rows)


def search_pairs(score: Score, labels: Rows, turns: Sequence[int], most: int, block_rows: int) -> Search:
    """Score all pairs in blocks and keep the best that can be twins, and the best that cannot.

    Args:
        score: called with the first row of a block, the row after its last, and a turn; similarities float32
            (stop - start, n - start) with the images from the first on.
        labels: int64 (n,), -1 where unknown.
        turns: as in `nearest`.
        most: as in `nearest`.
        block_rows: as in `nearest`.
    """
    count = len(labels)
    same, other = _Keeper(most, _LEAST_ALIKE), _Keeper(most, 0.0)
    false_count = 0
    blocks = [(start, turn) for start in range(0, count, block_rows) for turn in turns]
    for start, turn in progress(blocks, len(blocks), "Comparing all pairs"):
        stop = min(start + block_rows, count)
        scores = score(start, stop, turn)
        later = np.arange(count - start) > np.arange(stop - start)[:, None]
        false = _two_classes(labels[start:stop], labels[start:]) & later
        same.take(scores, later & ~false, start, turn)
        other.take(scores, false, start, turn)
        false_count += int(np.count_nonzero(false))
    all_pairs = len(turns) * count * (count - 1) // 2
    return Search(same.best(), other.best(), all_pairs - false_count, false_count, same.full)


def _two_classes(first: Rows, second: Rows) -> NDArray[np.bool_]:
    known = (first >= 0)[:, None] & (second >= 0)[None, :]
    return np.asarray(known & (first[:, None] != second[None, :]))

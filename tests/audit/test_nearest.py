from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from leukolab.audit.exact import TURNS, turned
from leukolab.audit.nearest import Nearest, nearest


@pytest.fixture(scope="module")
def textures() -> NDArray[np.float16]:
    values = np.random.default_rng(5).normal(size=(61, 9, 9))
    values[40:50] = values[:10] + 0.5 * values[40:50]
    return (values / np.linalg.norm(values, axis=(1, 2), keepdims=True)).astype(np.float16)


LABELS = np.arange(61) % 3 - (np.arange(61) % 7 == 0)


def scores(part: Nearest) -> dict[tuple[int, int, int], float]:
    """Similarity by first, second and turn."""
    places = zip(part.first.tolist(), part.second.tolist(), part.turn.tolist(), strict=True)
    return dict(zip(places, part.score.tolist(), strict=True))


@pytest.mark.parametrize("block_rows", [1, 7, 60, 61, 4000])
def test_blocks_find_what_the_whole_finds(textures: NDArray[np.float16], block_rows: int) -> None:
    whole = nearest(textures, LABELS, range(8), 10_000, 61)
    found = nearest(textures, LABELS, range(8), 10_000, block_rows)
    assert scores(found.searched) == pytest.approx(scores(whole.searched), abs=1e-6)
    assert scores(found.known_false) == pytest.approx(scores(whole.known_false), abs=1e-6)
    assert (found.searched_count, found.known_false_count) == (whole.searched_count, whole.known_false_count)


def test_it_finds_what_a_plain_loop_finds(textures: NDArray[np.float16]) -> None:
    found = nearest(textures, LABELS, range(8), 10_000)
    same, false = [], []
    exact = textures.astype(np.float64)
    for first, second in combinations(range(61), 2):
        for turn in range(len(TURNS)):
            score = float((turned(exact[first], turn) * exact[second]).sum())
            known = LABELS[first] >= 0 and LABELS[second] >= 0 and LABELS[first] != LABELS[second]
            (false if known else same).append((first, second, turn, score))
    assert (found.searched_count, found.known_false_count) == (len(same), len(false))
    for part, pairs, floor in ((found.searched, same, 0.15), (found.known_false, false, 0.0)):
        wanted = {pair[:3]: pair[3] for pair in pairs if pair[3] > floor}
        got = scores(part)
        close = {pair for pair, score in wanted.items() if abs(score - floor) < 1e-5}
        assert set(got) ^ set(wanted) <= close
        assert all(abs(got[pair] - wanted[pair]) < 1e-5 for pair in set(got) & set(wanted))


def test_the_most_similar_stay_where_room_is_short(textures: NDArray[np.float16]) -> None:
    whole = nearest(textures, LABELS, (0,), 10_000)
    small = nearest(textures, LABELS, (0,), 5, 4)
    assert small.searched.score == pytest.approx(whole.searched.score[:5], abs=1e-6)
    assert small.known_false.score == pytest.approx(whole.known_false.score[:5], abs=1e-6)
    assert small.full
    assert not whole.full

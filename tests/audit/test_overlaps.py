from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from leukolab.audit.overlaps import overlapping


@pytest.mark.parametrize(("down", "right"), [(0, 0), (9, 0), (-14, 6), (5, -20)])
def test_a_moved_field_agrees_where_it_overlaps(down: int, right: int) -> None:
    slides = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(12, 100, 100)), (0, 1.5, 1.5))
    fields = slides[:, 26:74, 26:74].copy()
    fields[7] = slides[3, 26 + down : 74 + down, 26 + right : 74 + right]
    textures = (fields / np.linalg.norm(fields, axis=(1, 2), keepdims=True)).astype(np.float16)
    found = overlapping(textures, np.arange(12) % 2)
    best = found.searched
    assert (best.first[0], best.second[0]) == (3, 7)
    assert best.score[0] == pytest.approx(1, abs=1e-3)
    assert best.score[1] < 0.6
    assert found.known_false.score.max() < 0.6
    assert (found.searched_count, found.known_false_count) == (30, 36)


def test_nothing_overlaps_with_nothing() -> None:
    empty = overlapping(np.zeros((0, 48, 48), np.float16), np.zeros(0, np.int64))
    assert len(empty.searched.score) == 0
    assert empty.searched_count == 0

"""Which kinds of twins count as looked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.study.twins import _kinds


def found(textured: int, full: bool = False, form: str = "cell") -> Any:
    """A search through ten images of one form, so many of which have a texture."""
    textures = np.zeros((10, 4, 4), np.float16)
    textures[:textured] = 0.5
    looks = SimpleNamespace(table=pd.DataFrame({"form": [form] * 10}), textures=textures)
    thresholds = pd.DataFrame({"form": ["cell", "field"], "full": [full, False]})
    return SimpleNamespace(looks=looks, thresholds=thresholds)


@pytest.mark.parametrize(
    ("search", "near"),
    [
        (found(10), {"near_twin"}),
        (found(0), set()),
        (found(10, full=True), set()),
        (found(10, full=True, form="field"), {"near_field"}),
    ],
)
def test_near_twins_count_as_looked_for_where_no_likely_pair_was_left(search: Any, near: set[str]) -> None:
    assert set(_kinds(search)) - {"identical_bytes", "identical_pixels", "flipped"} == near

"""The positive class of a folder of two classes is the one that is not healthy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from leukolab.cards import read_index
from leukolab.spec import DataSpec


def test_a_healthy_class_comes_first_whatever_its_letter(tmp_path: Path) -> None:
    for name in ("blast", "normal"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / name / f"{name}_1.png")
    index = read_index(DataSpec(card="folder"), tmp_path)
    assert dict(zip(index["class_name"], index["label"], strict=True)) == {"normal": 0, "blast": 1}

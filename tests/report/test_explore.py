from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.base.errors import DataError
from leukolab.base.home import Home
from leukolab.cards import get_card, read_index
from leukolab.images import PixelStore, pack
from leukolab.report.explore import explore, measure
from leukolab.spec import DataSpec


def disc(radius: int, size: int) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size // 2
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[rows**2 + columns**2 <= radius**2] = (120, 60, 180)
    return image


@pytest.fixture
def index(tmp_path: Path) -> pd.DataFrame:
    for number in range(12):
        path = tmp_path / "data" / ("large" if number % 2 else "small") / f"p{number % 3}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(disc(20 if number % 2 else 10, 60 + number // 6)).save(path)
    (tmp_path / "data" / "small" / "p1_<b>.png").write_text("words")
    return read_index(DataSpec(card="folder", subject_from=r"(p\d)_"), tmp_path / "data")


def packed(index: pd.DataFrame, home: Home) -> PixelStore:
    return pack([Path(path) for path in index["path"]], list(index["image_id"]), 32, None, home, skip_unreadable=True)


def test_measures_are_of_the_full_image_and_unreadable_ones_are_named(index: pd.DataFrame) -> None:
    table, unreadable = measure(index)
    assert len(table) == 12
    assert [name for name, _ in unreadable] == ["small/p1_<b>.png"]
    areas = table.groupby("class_name")["area_px"].median()
    assert areas["large"] == pytest.approx(np.pi * 400, rel=0.02)
    assert areas["small"] == pytest.approx(np.pi * 100, rel=0.05)
    assert set(table["width"]) == {60, 61}


def test_the_page_is_one_file_that_shows_everything(index: pd.DataFrame, tmp_path: Path) -> None:
    page = explore(index, packed(index, Home(tmp_path / "home")), get_card("folder"), tmp_path / "out")
    assert page == tmp_path / "out" / "explore.html"
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "p1_&lt;b&gt;.png" in text
    assert "file of another kind" in text
    assert text.count("data:image/jpeg;base64,") == 12
    assert "60 x 60" in text
    assert "prefers-color-scheme: dark" in text
    assert "<b>3</b><span>subjects</span>" in text
    assert "Images of a subject" in text


def test_unknown_subjects_and_synthetic_images_are_said(index: pd.DataFrame, tmp_path: Path) -> None:
    page = explore(
        index.assign(subject=None), packed(index, Home(tmp_path / "home")), get_card("phantom"), tmp_path / "page.html"
    )
    text = page.read_text(encoding="utf-8")
    assert "A score on this data set is an upper bound." in text
    assert "Images of a subject" not in text
    assert "Synthetic images" in text


def test_nothing_readable(index: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="found none among 1"):
        measure(index[index["image_id"].str.contains("<")])

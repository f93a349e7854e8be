from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError
from leukolab.cards import class_names, get_card, locate, read_index
from leukolab.cards.draw import LAYOUTS
from leukolab.spec import DataSpec


def drawn(folder: Path, layout: str) -> Path:
    for number, name in enumerate(LAYOUTS[layout].stages):
        (folder / name).mkdir(parents=True)
        for image in (1, 2):
            Image.new("RGB", (8, 8)).save(folder / name / f"S{number:03d}_{image:04d}.png")
    (folder / "phantom.json").write_text(json.dumps({"layout": layout, "seed": 1}))
    return folder


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_classes_and_subjects_of_a_layout(tmp_path: Path, layout: str) -> None:
    root = drawn(tmp_path / "p", layout)
    index = read_index(DataSpec(card="phantom"), tmp_path)
    assert class_names(index) == tuple(LAYOUTS[layout].stages)
    assert index["subject"].nunique() == len(LAYOUTS[layout].stages)
    assert locate("phantom", root / class_names(index)[0]) == root
    assert set(index["part"]) == {"synthetic"}
    assert get_card("phantom").synthetic


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_the_two_class_view(tmp_path: Path, layout: str) -> None:
    index = read_index(DataSpec(card="phantom", view="two_class"), drawn(tmp_path, layout))
    assert class_names(index) == ("normal", "malignant")
    assert set(index["class_name_full"]) == set(LAYOUTS[layout].stages)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [("{", "damaged file"), ('{"layout": "two_clas"}', "Did you mean 'two_class'"), ("[]", "found 'nothing'")],
)
def test_damaged_settings(tmp_path: Path, settings: str, sentence: str) -> None:
    drawn(tmp_path, "two_class")
    (tmp_path / "phantom.json").write_text(settings)
    with pytest.raises(DataError, match=sentence):
        read_index(DataSpec(card="phantom"), tmp_path)


def test_a_strange_name(tmp_path: Path) -> None:
    drawn(tmp_path, "two_class")
    Image.new("RGB", (8, 8)).save(tmp_path / "normal" / "cell.png")
    with pytest.raises(DataError, match="found 'cell'"):
        read_index(DataSpec(card="phantom"), tmp_path)

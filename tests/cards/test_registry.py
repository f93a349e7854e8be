from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError, SpecError
from leukolab.cards import card_names, data_on, get_card, locate, read_index, verify
from leukolab.spec import DataSpec, load_study


def subtypes(root: Path) -> Path:
    for name in ("Benign", "Malignant-Early", "Malignant-Pre", "Malignant-Pro"):
        folder = root / name.removeprefix("Malignant-")
        folder.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / f"WBC-{name}-001.jpg")
    return root


def test_cards_are_the_files() -> None:
    assert {"all_subtypes", "cnmc2019", "folder", "phantom"} <= set(card_names())


def test_an_unknown_card_offers_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'cnmc2019'"):
        get_card("cnmc2018")


@pytest.mark.parametrize("name", card_names())
def test_a_missing_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: expected the images of .* found no such folder"):
        locate(name, tmp_path / "none")


@pytest.mark.parametrize("name", card_names())
def test_an_empty_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="found an empty folder"):
        locate(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in card_names() if not get_card(name).generic])
def test_other_images(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"found other images\. For images of your own set data\.card=folder\."):
        locate(name, tmp_path)


def test_no_images_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="found no images"):
        locate("cnmc2019", tmp_path)


def test_another_data_set_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looks like all_subtypes .*set data\.card=all_subtypes, and data\.view=two"):
        locate("cnmc2019", subtypes(tmp_path / "x"))


def test_unknown_part_and_view_offer_the_nearest(tmp_path: Path) -> None:
    root = subtypes(tmp_path / "x")
    with pytest.raises(DataError, match="Did you mean 'original'"):
        read_index(DataSpec(card="all_subtypes", parts=("orignal",)), root)
    with pytest.raises(DataError, match="Did you mean 'two_class'"):
        read_index(DataSpec(card="all_subtypes", view="two_classes"), root)
    with pytest.raises(DataError, match="It has no views"):
        read_index(DataSpec(card="folder", view="two_class"), root)


def test_a_card_that_takes_no_subject_pattern_refuses_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"data\.subject_from: expected a card .* \('folder'\), got card 'all_"):
        read_index(DataSpec(card="all_subtypes", subject_from="(a)"), subtypes(tmp_path / "x"))


def test_a_folder_may_be_given_as_text(tmp_path: Path) -> None:
    root = subtypes(tmp_path / "x")
    assert locate("all_subtypes", str(root)) == root
    assert read_index(DataSpec(card="all_subtypes"), str(root)).equals(read_index(DataSpec(card="all_subtypes"), root))
    assert verify(DataSpec(card="all_subtypes"), str(root)) == verify(DataSpec(card="all_subtypes"), root)


def test_another_card_brings_its_own_parts_and_its_two_class_view_where_the_study_has_two() -> None:
    wen, subtypes = load_study("wen"), load_study("subtypes")
    assert data_on("all_subtypes", wen) == DataSpec(card="all_subtypes", view="two_class")
    assert data_on("phantom", wen) == DataSpec(card="phantom")
    assert data_on("cnmc2019", wen) == wen.data
    assert data_on("cnmc2019", subtypes) == DataSpec(card="cnmc2019")
    with pytest.raises(DataError, match="Did you mean 'folder'"):
        data_on("foldr", wen)

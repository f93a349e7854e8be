from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError, SpecError
from leukolab.cards import card_names, get_card, locate, read_index
from leukolab.spec import DataSpec


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


@pytest.mark.parametrize("name", [name for name in card_names() if name != "folder"])
def test_other_images(name: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"found other images\. Use --card folder"):
        locate(name, tmp_path)


def test_no_images_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="found no images"):
        locate("cnmc2019", tmp_path)


def test_another_data_set_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looks like all_subtypes .*add --card all_subtypes.*data.view=two_class"):
        locate("cnmc2019", subtypes(tmp_path / "x"))


def test_unknown_part_and_view_offer_the_nearest(tmp_path: Path) -> None:
    root = subtypes(tmp_path / "x")
    with pytest.raises(DataError, match="Did you mean 'original'"):
        read_index(DataSpec(card="all_subtypes", parts=("orignal",)), root)
    with pytest.raises(DataError, match="Did you mean 'two_class'"):
        read_index(DataSpec(card="all_subtypes", view="two_classes"), root)
    with pytest.raises(DataError, match="It has no views"):
        read_index(DataSpec(card="folder", view="two_class"), root)


def test_subject_pattern_goes_with_folder_only(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="goes with card 'folder' only"):
        read_index(DataSpec(card="all_subtypes", subject_from="(a)"), subtypes(tmp_path / "x"))

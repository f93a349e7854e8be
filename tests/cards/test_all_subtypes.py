from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError
from leukolab.cards import class_names, locate, read_index, verify, verify_lines
from leukolab.spec import DataSpec

NAMES = {
    "Benign": "WBC-Benign-{:03d}.jpg",
    "Early": "WBC-Malignant-Early-{:03d}.jpg",
    "Pre": "WBC-Malignant-Pre-{:03d}.jpg",
    "Pro": "WBC-Malignant-Pro-{:03d}.jpg",
}


def classes(folder: Path, count: int = 3) -> Path:
    for name, pattern in NAMES.items():
        (folder / name).mkdir(parents=True)
        for number in range(1, count + 1):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / name / pattern.format(number))
    return folder


def read(path: Path, **settings: object):
    return read_index(DataSpec(card="all_subtypes", **settings), path)


def test_bare_class_folders(tmp_path: Path) -> None:
    index = read(classes(tmp_path / "x"))
    assert class_names(index) == ("Benign", "Early", "Pre", "Pro")
    assert index["image_id"].iloc[0] == "Benign/WBC-Benign-001.jpg"
    assert index["order"].tolist() == [1, 2, 3] * 4
    assert index["subject"].isna().all()
    assert set(index["part"]) == {"original"}


def test_originals_are_preferred_and_parts_may_be_chosen(tmp_path: Path) -> None:
    classes(tmp_path / "Original")
    classes(tmp_path / "Segmented", 2)
    assert len(read(tmp_path)) == 12
    assert read(tmp_path)["image_id"].str.startswith("Original/").all()
    assert len(read(tmp_path, parts=("segmented",))) == 8
    assert len(read(tmp_path, parts=("original", "segmented"))) == 20
    assert locate("all_subtypes", tmp_path / "Original" / "Pro").name == "Original"


def test_segmented_alone(tmp_path: Path) -> None:
    assert set(read(classes(tmp_path / "Segmented"))["part"]) == {"segmented"}
    with pytest.raises(DataError, match="expected part 'original', found segmented only"):
        read(tmp_path, parts=("original",))


def test_the_two_class_view_keeps_the_full_class(tmp_path: Path) -> None:
    index = read(classes(tmp_path / "x"), view="two_class")
    assert class_names(index) == ("benign", "malignant")
    assert index.groupby("class_name_full")["label"].first().to_dict() == {"Benign": 0, "Early": 1, "Pre": 1, "Pro": 1}


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    root = classes(tmp_path / "x")
    for path in (root / "Pre").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="found none of 'Pre'"):
        read(root)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Pro/Sap_013 (1).jpg", "expected a name such as"), ("Pro/WBC-Benign-009.jpg", "expected a 'Benign' image")],
)
def test_a_strange_name_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    root = classes(tmp_path / "x")
    Image.new("RGB", (8, 8)).save(root / name)
    with pytest.raises(DataError, match=sentence):
        read(root)


def test_verify_counts_numbers_and_unreadable_files(tmp_path: Path) -> None:
    root = classes(tmp_path / "x")
    (root / "Pro" / "WBC-Malignant-Pro-002.jpg").rename(root / "Pro" / "WBC-Malignant-Pro-900.jpg")
    (root / "Early" / "WBC-Malignant-Early-001.jpg").write_bytes(b"")
    result = verify(DataSpec(card="all_subtypes"), root)
    assert "Pro 002" in result.missing
    assert len(result.missing) == 3256 - 11
    assert result.extra == ("Pro/WBC-Malignant-Pro-900.jpg",)
    assert len(result.unreadable) == 1
    assert result.read == 11
    lines = verify_lines(result)
    assert "  original Early: 3 of 985" in lines
    assert any("and 3,240 more" in line for line in lines)

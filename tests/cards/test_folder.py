from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError, SpecError
from leukolab.cards import class_names, locate, read_index, verify
from leukolab.spec import DataSpec


def touch(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(root / name)
    return root


def read(path: Path, **settings: object):
    return read_index(DataSpec(card="folder", **settings), path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return touch(tmp_path / "own", "b/p1_1.png", "b/p1_10.png", "b/p1_2.png", "a/deep/p2_1.png")


def test_classes_are_the_folders_in_sorted_order(tree: Path) -> None:
    index = read(tree)
    assert class_names(index) == ("a", "b")
    assert index["image_id"].tolist() == ["a/deep/p2_1.png", "b/p1_1.png", "b/p1_10.png", "b/p1_2.png"]
    assert index["order"].tolist() == [1, 2, 4, 3]
    assert index["subject"].isna().all()


def test_one_folder_around_the_classes_is_opened(tree: Path) -> None:
    assert locate("folder", tree.parent) == tree


def test_subjects_by_pattern(tree: Path) -> None:
    assert read(tree, subject_from=r"(p\d+)_")["subject"].tolist() == ["p2", "p1", "p1", "p1"]


@pytest.mark.parametrize(
    ("pattern", "sentence"), [("(", "expected a regular expression"), ("p", "expected a group in round brackets")]
)
def test_a_pattern_that_is_none(tree: Path, pattern: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        read(tree, subject_from=pattern)


def test_a_path_without_a_subject_is_named(tree: Path) -> None:
    with pytest.raises(DataError, match=r"b/p1_1\.png: expected a subject"):
        read(tree, subject_from="(p2)_")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_paths(tree: Path, separator: str) -> None:
    rows = ["Path,Label,Subject", "b/p1_1.png,10,P1", "b/p1_2.png,9,", "a/deep/p2_1.png,9,P2"]
    (tree / "index.csv").write_text("\n".join(rows).replace(",", separator), encoding="utf-8-sig")
    for place in (tree, tree / "index.csv"):
        index = read(place)
        assert class_names(index) == ("9", "10")
        assert index["image_id"].tolist() == ["a/deep/p2_1.png", "b/p1_1.png", "b/p1_2.png"]
        assert index["subject"].tolist()[:2] == ["P2", "P1"]
        assert index["subject"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("path,label\nb/p1_1.png,a\nnone.png,b\n", "found 1 of 2 missing, such as 'none.png'"),
        ("path,label\nb/p1_1.png,a\nb/p1_2.png,\n", "line 3: expected a label"),
        ("path,label\nb/p1_1.png,a\nb/p1_1.png,b\n", "in the lines 2 and 3"),
        ("path,label\nb/p1_1.png,a\nb/p1_2.png,a\n", "at least two classes, found one"),
    ],
)
def test_a_table_with_an_error(tree: Path, rows: str, sentence: str) -> None:
    (tree / "index.csv").write_text(rows)
    with pytest.raises(DataError, match=sentence):
        read(tree)


def test_one_class_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"at least two classes, one folder each, found one \('only'\)"):
        read(touch(tmp_path, "only/a.png"))


def test_two_endings_of_one_name(tree: Path) -> None:
    touch(tree, "b/p1_1.jpg")
    with pytest.raises(DataError, match=r"'b/p1_1\.jpg' and 'b/p1_1\.png', which differ in their ending"):
        read(tree)


def test_verify_reads_every_image(tree: Path) -> None:
    assert verify(DataSpec(card="folder"), tree).whole
    (tree / "b/p1_1.png").write_text("words")
    result = verify(DataSpec(card="folder"), tree)
    assert (result.read, len(result.unreadable), result.sound) == (3, 1, False)

"""Tables and folders of someone else: nothing outside the data folder is read, nothing that never ends is opened."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from leukolab.base.errors import DataError, RunError, SpecError, SplitError
from leukolab.base.files import read_json, read_table
from leukolab.cards import read_index
from leukolab.cards.classes import MOST, classes_said
from leukolab.cards.datasets.folder import patterns
from leukolab.cards.index import image_id
from leukolab.cards.tables import read_frame
from leukolab.spec import DataSpec
from leukolab.splits import given

posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them")


@pytest.fixture
def folder(two_class: Path, tmp_path: Path) -> Path:
    """Two images of each class in one folder, one of them also outside."""
    inside = tmp_path / "data" / "images"
    inside.mkdir(parents=True)
    for name in ("normal", "all"):
        for path in sorted((two_class / name).glob("*.png"))[:2]:
            shutil.copy(path, inside / f"{name}_{path.name}")
    shutil.copy(path, tmp_path / "outside.png")
    return inside


def table_of(folder: Path, *others: str) -> Path:
    rows = [f"{path.name},{path.name.split('_')[0]}" for path in sorted(folder.glob("*.png"))]
    file = folder / "images.csv"
    file.write_text("\n".join(["path,label", *rows, *others, ""]), encoding="utf-8")
    return file


@pytest.mark.parametrize("place", ["../../outside.png", "x/../../../outside.png"])
def test_a_path_out_of_the_data_folder_is_refused(folder: Path, place: str) -> None:
    (folder / "x").mkdir()
    with pytest.raises(DataError, match="found one elsewhere"):
        read_index(DataSpec(card="folder"), table_of(folder, f"{place},all"))


def test_one_image_under_two_paths_is_found_twice(folder: Path) -> None:
    name = min(folder.glob("*.png")).name
    with pytest.raises(DataError, match="expected each image once"):
        read_index(DataSpec(card="folder"), table_of(folder, f"../images/{name},all"))


def test_steps_up_that_stay_inside_are_taken(folder: Path) -> None:
    assert image_id(folder, folder / ".." / "images" / "a.png") == "a.png"


@posix
def test_links_inside_the_data_folder_are_followed(folder: Path, tmp_path: Path) -> None:
    table = table_of(folder, "linked.png,all")
    (folder / "linked.png").symlink_to(tmp_path / "outside.png")
    index = read_index(DataSpec(card="folder"), table)
    assert "linked.png" in set(index["image_id"])
    assert image_id(folder / ".." / "images", folder / ".." / "images" / "a.png") == "a.png"


@posix
def test_pipes_and_devices_in_place_of_files_are_not_opened(tmp_path: Path) -> None:
    for ending in ("csv", "json", "parquet"):
        os.mkfifo(tmp_path / f"pipe.{ending}")
        (tmp_path / f"zero.{ending}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(DataError, match="pipe, socket or device"):
            read_frame(tmp_path / f"{name}.csv")
        with pytest.raises(RunError, match="pipe, socket or device"):
            read_json(tmp_path / f"{name}.json")
        with pytest.raises(RunError, match="device or pipe"):
            read_table(tmp_path / f"{name}.parquet")
        with pytest.raises(SplitError):
            given._read(tmp_path / f"{name}.csv")


@posix
def test_a_file_larger_than_is_read_whole_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as stream:
        stream.truncate(2**40)  # holds nothing, says a terabyte
    with pytest.raises(RunError, match=r"1\.1 TB, more than"):
        read_json(file)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "\x00"])
def test_json_that_is_too_deep_or_no_json_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="expected JSON"):
        read_json(file)


@pytest.mark.parametrize("bytes_", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"PAR1\x15\x00" * 50])
def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path, bytes_: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(bytes_)
    with pytest.raises(RunError, match="damaged file"):
        read_table(tmp_path / "x.parquet")


@pytest.mark.parametrize(("column", "number"), [("copies", "1000000000"), ("copies", "inf"), ("outer", "1e300")])
def test_numbers_of_a_split_file_have_bounds(column: str, number: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"image_id": ["a"], "role": ["train"], column: [number]})
    with pytest.raises(SplitError, match="whole number from 1 to 10,000"):
        given._checked(table, Path("split.csv"), None)  # type: ignore[arg-type]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label,p_a,p_b,p_a\na,1,0,0\n", encoding="utf-8")
    with pytest.raises(DataError, match="two of 'p_a'"):
        read_frame(tmp_path / "x.csv")


def test_more_classes_than_a_page_can_show_are_refused() -> None:
    with pytest.raises(DataError, match="at most 100 classes, found 5,000"):
        classes_said([f"class {number}" for number in range(5000)])
    assert len(classes_said([f"class {number}" for number in range(MOST)]).names) == MOST


@pytest.mark.parametrize("name", ["a\x00", "a\x1b[2J", "a\nb", "a\u202eb", "a\udcff"])
def test_a_class_whose_name_holds_control_characters_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="control characters") as caught:
        classes_said(["normal", name])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("pattern", ["((a+)+)+!", r"(\w*)*\w*\w*\w*$x"])
def test_a_pattern_that_takes_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.5)
    found = patterns.patterns_of(DataSpec(card="folder", subject_from=pattern))
    with pytest.raises(SpecError, match="takes longer"):
        patterns.check_swift(found, ["a" * 60])


@pytest.mark.parametrize("pattern", ["(" * 5000 + "a" + ")" * 5000, "(a){99999999999999999999}", "(a"])
def test_a_pattern_that_cannot_be_made_is_one_sentence(pattern: str) -> None:
    with pytest.raises(SpecError, match="expected a regular expression"):
        patterns.patterns_of(DataSpec.model_construct(card="folder", subject_from=pattern))


def test_a_pattern_with_a_group_that_repeats_is_taken_where_it_is_swift() -> None:
    found = patterns.patterns_of(DataSpec(card="folder", subject_from=r"(?:[a-z]+_)+(\d+)"))
    patterns.check_swift(found, ["all/some_long_name_007.png", "a\udcff"])
    assert found.subject is not None
    assert found.subject.of("all/some_long_name_007.png") == "007"

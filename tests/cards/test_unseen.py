"""What lies in a data set but cannot be among its images is said and counted, whatever the card."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from leukolab.base.errors import DataError
from leukolab.base.home import Home
from leukolab.base.marks import is_marked, mark, mark_new
from leukolab.cards import read_images, verify
from leukolab.cards.draw import draw_data_set
from leukolab.cards.listing import child_folders, image_files, not_listed
from leukolab.cli import main
from leukolab.spec import DataSpec
from leukolab.study.audit import audit_data
from leukolab.study.predict import find_images, predict_images


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Two classes of three images and one of three more inside, in no layout that a card of its own knows."""
    for name in ("normal/a", "normal/b", "normal/c", "blast/a", "blast/b", "blast/c", "blast/more/d", "blast/more/e"):
        (tmp_path / "cells" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (len(name), 9, 9)).save(tmp_path / "cells" / f"{name}.png")
    return tmp_path / "cells"


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of folders that nobody may list; for root too, who may list all."""
    names: set[str] = set()
    scandir = os.scandir

    def denied(path: str = ".") -> object:
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    return names


def test_a_folder_that_cannot_be_read_is_a_finding_and_keeps_a_data_set_from_being_whole(
    cells: Path, closed: set[str], home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(DataSpec(card="folder"), cells).whole
    closed.add("more")
    found = [one for one in read_images(DataSpec(card="folder"), cells).findings if one.code == "read.closed_folder"]
    assert [one.values for one in found] == [{"count": 1, "names": ["blast/more"]}]
    assert "read.closed_folder" in {one.code for one in audit_data(DataSpec(card="folder"), cells, home).findings}
    result = verify(DataSpec(card="folder"), cells)
    assert (result.whole, result.sound, result.read) == (False, False, 6)
    assert "more: expected a folder that may be read, found no permission" in result.unreadable[0]
    with pytest.raises(SystemExit, match="1"):
        main(["data", "verify", "folder", str(cells)])
    said = capsys.readouterr().out
    assert "Whole" not in said
    assert "may not be read, so the images in them are not counted: blast/more" in said


@pytest.mark.parametrize("card", ["phantom", "all_subtypes", "cnmc2019"])
def test_every_card_says_which_folders_cannot_be_read(tmp_path: Path, closed: set[str], card: str) -> None:
    if card == "phantom":
        draw_data_set(tmp_path, "two_class", 4, 1, 32, 1)
    names = {
        "phantom": [],
        "all_subtypes": [f"{name}/WBC-Malignant-{name}-001.png" for name in ("Early", "Pre", "Pro")]
        + ["Benign/WBC-Benign-001.png"],
        "cnmc2019": [f"fold_0/{name}/UID_1{n}_1_1_{name}.png" for n, name in enumerate(("all", "hem"))],
    }[card]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "further").mkdir()
    closed.add("further")
    codes = {finding.code for finding in read_images(DataSpec(card=card), tmp_path).findings}
    result = verify(DataSpec(card=card), tmp_path)
    assert "read.closed_folder" in codes & {finding.code for finding in result.findings}
    assert not result.sound


def test_a_class_that_cannot_be_read_is_named_where_the_rest_is_no_data_set(cells: Path, closed: set[str]) -> None:
    closed.add("normal")
    with pytest.raises(DataError, match="No permission to read 1 folder, such as 'normal'"):
        read_images(DataSpec(card="folder"), cells)
    closed.add("cells")
    with pytest.raises(DataError, match="No permission to read 1 folder, such as 'cells'"):
        read_images(DataSpec(card="folder"), cells)


def test_predict_counts_a_folder_that_cannot_be_read(cells: Path, closed: set[str]) -> None:
    closed.update(("more", "blast", "normal"))
    places = find_images([cells])
    assert [place.name for place in places] == ["blast", "normal"]
    table, unreadable = predict_images(_blind(), places)
    assert table.empty
    assert all("expected a folder that may be read, found no permission" in sentence for sentence in unreadable)
    assert len(unreadable) == 2


def _blind() -> object:
    """A model that is never asked."""
    from types import SimpleNamespace

    from leukolab.spec import load_study

    return SimpleNamespace(spec=load_study("demo"))


def test_folders_that_this_program_wrote_are_never_read_as_images(cells: Path) -> None:
    before = read_images(DataSpec(card="folder"), cells)
    shutil.copytree(cells / "blast", cells / "runs" / "mine" / "report")
    mark(cells / "runs" / "mine")
    after = read_images(DataSpec(card="folder"), cells)
    assert list(after.index["image_id"]) == list(before.index["image_id"])
    assert child_folders(cells / "runs") == []
    assert find_images([cells]) == image_files(cells)
    assert len(image_files(cells)) == 8


def test_only_a_new_folder_is_marked_as_images_may_lie_in_others(cells: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert is_marked(mark_new(tmp_path / "new"))
    assert not is_marked(mark_new(cells))


def test_a_name_that_is_not_utf_8_is_set_aside_and_named_and_the_others_are_read(cells: Path) -> None:
    (cells / "blast" / "a.png").rename(os.fsdecode(os.fsencode(cells / "blast") + b"/c\xe9ll.png"))
    reading = read_images(DataSpec(card="folder"), cells)
    assert len(reading.index) == 7
    [found] = [one for one in reading.findings if one.code == "read.odd_name"]
    assert found.values == {"count": 1, "names": ["blast/c\\udce9ll.png"]}
    assert not verify(DataSpec(card="folder"), cells).whole
    [odd] = not_listed(cells).odd
    assert odd in find_images([cells])


def test_an_image_that_a_table_lists_twice_is_one_sentence_with_both_lines(cells: Path) -> None:
    rows = ["path,label", "normal/a.png,n", "blast/a.png,b", "./normal/a.png,n"]
    (cells / "t.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=r"expected each image once, found './normal/a.png' in the lines 2 and 4"):
        read_images(DataSpec(card="folder"), cells / "t.csv")


def test_a_table_that_names_what_no_disk_holds_is_one_sentence(cells: Path) -> None:
    (cells / "t.csv").write_text(f"path,label\nnormal/a.png,n\n{'x' * 400}.png,b\n")
    with pytest.raises(DataError, match="found 1 of 2 missing"):
        read_images(DataSpec(card="folder"), cells / "t.csv")


def test_an_empty_text_is_no_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="'': expected an image or a folder here, found nothing"):
        find_images([""])
    for words in (["predict", "", "--run", str(tmp_path)], ["data", "verify", "folder", ""]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert "expected a path, got nothing" in capsys.readouterr().err


def test_a_pipe_and_a_folder_called_like_an_image_do_not_hold_up_the_others(cells: Path) -> None:
    os.mkfifo(cells / "blast" / "pipe.png")
    (cells / "blast" / "folder.png").mkdir()
    result = verify(DataSpec(card="folder"), cells)
    assert result.read == 8
    assert ["pipe.png: expected an image, found a pipe" in sentence for sentence in result.unreadable] == [True]

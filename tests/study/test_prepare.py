from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from leukolab.base.errors import DataError, SplitError
from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.images import cell_mask
from leukolab.results import RunFolder
from leukolab.spec import StudySpec, load_study
from leukolab.study.prepare import composition, prepare, recorded_material
from leukolab.study.twins import seconds_left


def test_rows_of_index_and_pixels_are_the_same_images(two_class: Path, home: Home) -> None:
    material = prepare(load_study("demo", ["image.size_px=48"]), two_class, home)
    assert list(material.index["image_id"]) == list(material.store.image_ids) == sorted(material.store.image_ids)
    assert material.class_names == ("normal", "all")
    assert np.bincount(material.labels).tolist() == [30, 30]
    counts = composition(material)
    first = counts[(counts["outer"] == 1) & (counts["fold"] == 1)]
    assert first["images"].sum() == 60
    assert first["groups"].sum() == 20


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (["protocols.corrected.split={kind: holdout_kfold, by: group, folds: 2}"], "champion_on"),
        (["protocols.corrected.split={kind: kfold, by: group, outer: 3}"], "champion_on"),
        (["protocols.corrected.split={kind: holdout}", "protocols.corrected.champion_on=validation"], "weights_on"),
    ],
)
def test_a_split_without_the_part_that_chooses_is_refused_before_training(
    two_class: Path, home: Home, settings: list[str], setting: str
) -> None:
    with pytest.raises(SplitError, match=rf"protocols\.corrected\.{setting}: expected a part 'tuning' in this split"):
        prepare(load_study("demo", ["image.size_px=48", *settings]), two_class, home)


def test_without_ensembles_no_weights_are_asked_for(two_class: Path, home: Home) -> None:
    settings: list[Any] = ["protocols.corrected.split={kind: holdout}", "protocols.corrected.champion_on=validation"]
    material = prepare(load_study("demo", ["image.size_px=48", "ensembles=null", *settings]), two_class, home)
    assert "tuning" not in set(material.splits["corrected"].table["role"])


def test_one_class_alone_is_no_study(home: Home, tmp_path: Path) -> None:
    cells = draw_data_set(tmp_path / "cells", "two_class", 4, 2, 48, 7)
    for path in (cells / "all").iterdir():
        path.unlink()
    with pytest.raises(Exception, match="at least two classes, found one"):
        prepare(load_study("demo", ["image.size_px=48"]), cells, home)


def test_material_read_back_from_a_run_knows_its_files(small_run: Any, home: Home) -> None:
    material = recorded_material(RunFolder(small_run.folder), home, small_run.data)
    assert len(material.paths) == len(material.index) == len(material.store.array)
    assert all(path.is_file() for path in material.paths)
    fresh = prepare(small_run.spec, small_run.data, home)
    assert material.paths == fresh.paths
    pd.testing.assert_frame_equal(material.index, fresh.index, check_dtype=False)
    with pytest.raises(DataError, match="Give the data folder"):
        recorded_material(RunFolder(small_run.folder), home).paths  # noqa: B018


@pytest.fixture(scope="module")
def cut_twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of 20 subjects; one of S002 is cut out again, its outline 2 px further in, and stands under S004."""
    folder = draw_data_set(tmp_path_factory.mktemp("cells") / "twice", "two_class", 20, 3, 96, 7)
    cell = np.array(Image.open(folder / "all" / "S002_0001.png"))
    inside = ndimage.binary_erosion(cell_mask(cell), iterations=2)
    Image.fromarray(cell * inside[..., None]).save(folder / "all" / "S004_0009.png")
    return folder


def own_cells(*settings: Any) -> StudySpec:
    own = ("data.card=folder", "data.view=null", "data.subject_from=(S[0-9]+)_", "image.size_px=48")
    return load_study("demo", [*own, *settings])


def test_a_cell_cut_out_twice_keeps_its_two_subjects_on_one_side(cut_twice: Path, home: Home, said: list[str]) -> None:
    material = prepare(own_cells(), cut_twice, home)
    group = material.groups.set_index("image_id")["group"]
    assert group["all/S004_0002.png"] == group["all/S002_0003.png"] == "S002+S004"
    split = material.splits["corrected"]
    assert split.head.leakage == "none"
    assert "near_twin" in split.head.searched
    mine = split.table[split.table["image_id"].str.contains("S002|S004")]
    assert (mine.groupby(["outer", "fold"])["role"].nunique() == 1).all()
    assert sum("looking for twins among 61 images" in line for line in said) == 1
    assert not any("S00" in line for line in said)
    said.clear()
    again = prepare(own_cells("seed=5"), cut_twice, home)
    assert again.groups.equals(material.groups)
    assert sum("were looked for before" in line for line in said) == 1


def test_where_nobody_looked_no_split_is_called_free_of_leaks(cut_twice: Path, home: Home) -> None:
    material = prepare(own_cells("data.audit=off"), cut_twice, home)
    assert material.groups["group"].nunique() == 20
    assert material.splits["corrected"].head.leakage == "not-searched"


def test_a_pair_that_a_person_struck_out_merges_nothing(cut_twice: Path, home: Home, tmp_path: Path) -> None:
    accept = tmp_path / "accept.csv"
    accept.write_text("image_id,other_id,verdict\nall/S004_0009.png,all/S002_0001.png,different\n", encoding="utf-8")
    material = prepare(own_cells(f"data.accept={accept}"), cut_twice, home)
    assert {"S002", "S004"} <= set(material.groups["group"])
    assert material.splits["corrected"].head.leakage == "none"
    accept.write_text("image_id,other_id,verdict\nall/S006_0001.png,all/S008_0001.png,same\n", encoding="utf-8")
    groups = prepare(own_cells(f"data.accept={accept}", "data.audit=off"), cut_twice, home).groups
    assert "S006+S008" in set(groups["group"])


def test_a_plan_does_not_search_and_says_how_long_that_takes(cut_twice: Path, tmp_path: Path) -> None:
    own = Home(tmp_path)
    planned = prepare(own_cells(), cut_twice, own, search=False)
    assert planned.splits["corrected"].head.leakage == "not-searched"
    assert seconds_left(planned.index, own_cells().data, own) > 0
    assert seconds_left(planned.index, own_cells("data.audit=off").data, own) == 0
    prepare(own_cells(), cut_twice, own)
    assert seconds_left(planned.index, own_cells().data, own) == 0
    assert prepare(own_cells(), cut_twice, own, search=False).splits["corrected"].head.leakage == "none"


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("pairs.parquet", lambda _: b"not a table"),
        ("search.json", lambda data: re.sub(rb'"searched": \[[^]]*\]', b'"searched": []', data)),
    ],
)
def test_a_search_that_was_damaged_is_made_again(
    cut_twice: Path, tmp_path: Path, name: str, harm: Callable[[bytes], bytes]
) -> None:
    own = Home(tmp_path)
    before = prepare(own_cells(), cut_twice, own)
    (kept,) = (tmp_path / "audits").iterdir()
    whole = (kept / name).read_bytes()
    (kept / name).write_bytes(harm(whole))
    after = prepare(own_cells(), cut_twice, own)
    assert after.groups.equals(before.groups)
    assert after.splits["corrected"].head == before.splits["corrected"].head
    assert (kept / name).read_bytes() == whole


def test_labels_that_contradict_among_equal_images_are_told(cut_twice: Path, home: Home, tmp_path: Path) -> None:
    cells = Path(shutil.copytree(cut_twice, tmp_path / "cells"))
    shutil.copy(cells / "all" / "S002_0001.png", cells / "normal" / "S021_0001.png")
    material = prepare(own_cells(), cells, home)
    codes = [one.code for one in material.splits["corrected"].head.findings]
    assert "audit.contradicting_labels" in codes

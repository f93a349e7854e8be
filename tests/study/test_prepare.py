from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError, SplitError
from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.results import RunFolder
from leukolab.spec import load_study
from leukolab.study.prepare import composition, prepare, recorded_material


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

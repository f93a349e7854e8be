from __future__ import annotations

from pathlib import Path

import pytest

from leukolab.base.home import Home
from leukolab.spec import StudySpec, load_study
from leukolab.study import side_by_side
from leukolab.study.prepare import Material, prepare
from leukolab.study.side_by_side import images_learned_from, processes, where

LONG = "readings.two_stage.stages.1.epochs=5000"


def spec(*settings: str) -> StudySpec:
    """Two rates, one epoch of the second stage, test part 1 of each protocol."""
    rates, stages = "training.learning_rates=[0.01, 0.001]", "readings.two_stage.stages.1.epochs=1"
    return load_study("demo", ["protocol=both", rates, stages, *settings])


@pytest.fixture(scope="module")
def material(two_class: Path, home: Home) -> Material:
    return prepare(spec(), two_class, home)


def test_images_are_counted_as_the_jobs_have_them(material: Material) -> None:
    """The training parts of all folds of test part 1, for each rate and epoch."""
    tables = [split.table for split in material.splits.values()]
    expected = sum(int(one.loc[(one["role"] == "train") & (one["outer"] == 1), "copies"].sum()) for one in tables)
    assert expected > 0
    assert images_learned_from(spec(), material) == 2 * expected
    assert images_learned_from(spec(LONG), material) == 2 * 5000 * expected


def test_what_is_asked_for_is_done(material: Material) -> None:
    assert processes("local", spec(), material) == 1
    assert processes("local:3", spec(), material) == 3
    assert where("local:3", spec(), material) == "local:3"
    assert where("ray://auto", spec(), material) == "ray://auto"


def test_a_short_study_has_one_process_a_long_one_several(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "cores", lambda: 8)
    monkeypatch.setattr(side_by_side, "_memory_gib", lambda: 64)
    assert processes("auto", spec(), material) == 1
    long = spec(LONG)
    assert processes("auto", long, material) == side_by_side.MOST
    assert where("auto", long, material) == f"local:{side_by_side.MOST}"
    monkeypatch.setattr(side_by_side, "_memory_gib", lambda: 7)
    assert processes("auto", long, material) == 1

"""Whoever calls the program from Python may name files and folders as text."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from leukolab.base.home import Home
from leukolab.cards import read_index, verify
from leukolab.cards.draw import draw_data_set
from leukolab.spec import load_study
from leukolab.study.demo import run_demo
from leukolab.study.estimate import plan_study
from leukolab.study.finish import report_run
from leukolab.study.look import explore_data
from leukolab.study.merge import merge_runs
from leukolab.study.predict import find_images, open_model
from leukolab.study.run import run_study
from leukolab.study.search.tune import tune_study
from leukolab.study.status import read_progress
from leukolab.study.tracking.mirror import track

PUBLIC = (
    draw_data_set, explore_data, find_images, load_study, merge_runs, open_model, plan_study, read_index, read_progress,
    report_run, run_demo, run_study, track, tune_study, verify,
)  # fmt: skip


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_a_path_may_be_text(function: Any) -> None:
    named = {name: str(one.annotation) for name, one in inspect.signature(function).parameters.items()}
    paths = {name: text for name, text in named.items() if "Path" in text}
    assert paths
    assert all("str | Path" in text for text in paths.values())


def test_text_is_taken(small_run: Any, home: Home) -> None:
    assert read_progress(str(small_run.folder), home).state == "finished"
    assert plan_study(small_run.spec, str(small_run.data), str(small_run.folder), home).left == 0
    assert open_model(str(small_run.folder)).members
    assert find_images([str(small_run.data)])
    assert load_study(str(small_run.folder / "study.yaml")).readings == small_run.spec.readings

"""The benchmark's own parts: subjects whose truth is known, and its table."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from leukolab.stats import METRICS, scores

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand")


@pytest.fixture
def coverage(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(importlib.import_module("subjects"), "TRUTH_IMAGES", 100_000)
    return importlib.import_module("coverage")


def test_the_truth_is_what_very_many_subjects_score(coverage: ModuleType) -> None:
    world = coverage.World(2, 0.80)
    drawn = world.draw((1500, 1500), np.random.default_rng(1))
    shares = np.bincount(drawn.labels_n) / len(drawn.labels_n)
    found = scores(drawn.labels_n, drawn.probs_nk)
    truth = world.truth.of(METRICS, shares)
    assert truth["sensitivity"] == pytest.approx(0.80, abs=0.005)
    for name in METRICS:
        assert found[name] == pytest.approx(truth[name], abs=0.04), name


def test_rounds_are_put_together_by_their_data_sets(coverage: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "ROUND", 2)
    monkeypatch.setattr(coverage, "RANKED", 1)
    monkeypatch.setattr(coverage, "REPLICATES", 100)
    cell = coverage.Cell("few", coverage.World(2, 0.80), (3, 3))
    rounds = [coverage.run(cell, names, turn) for turn in range(2) for names in (coverage.OTHERS, coverage.RANKINGS)]
    whole = coverage.together(pd.concat(rounds, ignore_index=True))
    of_program = whole[whole["method"] == coverage.NEW].set_index(["metric", "unit"])
    assert of_program.loc[("accuracy", "subject"), "data_sets"] == 4
    assert of_program.loc[("auc", "image"), "data_sets"] == 2
    shown = coverage.tables(whole)
    assert f"| accuracy | program | {of_program.loc[('accuracy', 'subject'), 'coverage']:.3f} (" in shown
    assert len(shown.splitlines()) == 2 * (5 + 2 * (len(METRICS) - 1))

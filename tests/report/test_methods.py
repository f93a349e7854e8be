"""Runs whose methods could be taken for one another: several learning rates, readings called as rivals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leukolab.base.home import Home
from leukolab.report import chosen
from leukolab.report.figures.headline import headline, reading_rows
from leukolab.report.names import Names
from leukolab.report.run import Run, read_run
from leukolab.report.tables.subtypes import splits_sheet
from leukolab.report.texts import load_texts
from small_runs import reading_spec, write_run

TEXTS = load_texts()
FOLDS = "protocols.published.split={kind: holdout_kfold, by: image, test: 0.2, folds: 2}"
TWICE = (
    "protocols.again={stance: published, champion_on: validation, weights_on: validation, allow_leakage: true, "
    "split: {kind: holdout, by: image, outer: 2, test: 0.2, validation: 0.2}}"
)
STAGES = "stages: [{name: head, release: head, epochs: 1}]"


@pytest.fixture(scope="module")
def odd(four_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of a reading with two learning rates and one called as a rival."""
    readings = f"readings={{frozen: {{{STAGES}, learning_rates: [0.01, 0.001]}}, colour: {{{STAGES}}}}}"
    spec = reading_spec("protocol=published", readings)
    return read_run(write_run(tmp_path_factory.mktemp("odd") / "run", spec, four_class, home).folder)


@pytest.fixture(scope="module")
def names(odd: Run) -> Names:
    return Names.of(odd.folder, TEXTS)


def test_each_learning_rate_is_a_row_with_its_own_mean(odd: Run, names: Names) -> None:
    rows = {row.label: row for row in reading_rows(odd, names, TEXTS, "published", "accuracy")}
    assert list(rows)[:2] == ["Frozen backbone, head only, LR 0.01", "Frozen backbone, head only, LR 0.001"]
    for label, rate in zip(rows, (0.01, 0.001), strict=False):
        jobs = odd.jobs[(odd.jobs["reading"] == "frozen") & (odd.jobs["learning_rate"] == rate)]["job"]
        scores = chosen.part_scores(odd)
        values = scores[scores["member"].isin(jobs) & (scores["metric"] == "accuracy")]["value"]
        row = rows[label]
        assert row.dots == tuple(values)
        assert (row.value, row.low, row.high) == (values.mean(), values.min(), values.max())


def test_a_reading_called_as_a_rival_is_a_reading(odd: Run, names: Names) -> None:
    rows = reading_rows(odd, names, TEXTS, "published", "accuracy")
    kinds = {row.label: row.kind for row in rows}
    assert len(kinds) == len(rows) == 5
    assert (kinds["colour"], kinds["Rival: size and colour"]) == ("model", "rival")


def test_each_method_is_a_column_of_the_splits(odd: Run, names: Names) -> None:
    sheet = splits_sheet(odd, names, TEXTS)
    methods = ["frozen/lr0.01", "frozen/lr0.001", "colour", "features", "rival:colour"]
    assert list(sheet.frame.columns) == ["protocol", "outer", *methods]
    assert np.isfinite(sheet.frame[methods].to_numpy(float)).all()


def test_models_of_each_learning_rate_have_names_of_their_own(odd: Run, names: Names) -> None:
    assert names_of_models(odd, names)[:2] == [
        "Frozen backbone, head only, LR 0.01, split 1",
        "Frozen backbone, head only, LR 0.001, split 1",
    ]


@pytest.fixture(scope="module")
def folded(four_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of two readings with two folds each, and three protocols, two of one stance."""
    readings = f"readings={{frozen: {{{STAGES}}}, whole: {{{STAGES}}}}}"
    spec = reading_spec("outer_parts=[1]", readings, FOLDS, TWICE)
    return read_run(write_run(tmp_path_factory.mktemp("folded") / "run", spec, four_class, home).folder)


def test_models_of_folds_are_called_by_their_reading_where_there_are_several(folded: Run) -> None:
    found = names_of_models(folded, Names.of(folded.folder, TEXTS))
    assert {"Frozen backbone, head only, LR 0.001, fold 2", "Whole network trained, LR 0.001, fold 2"} <= set(found)


def test_protocols_of_one_stance_have_a_panel_each(folded: Run) -> None:
    names = Names.of(folded.folder, TEXTS)
    titles = {protocol: names.protocol_panel(protocol) for protocol in folded.protocols}
    assert titles == {
        "published": "As published, split by image (as published)",
        "again": "As published, split by image (again)",
        "corrected": "Corrected: no known group on two sides",
    }
    figure = headline(folded, names, TEXTS).draw()
    assert len(figure.axes) == 3


def names_of_models(run: Run, names: Names) -> list[str]:
    """The names of the models of its first protocol and outer part, each found once."""
    models = run.of_kind("model", protocol=run.protocols[0], outer=1)
    found = [names(one.member) for one in models]
    assert len(set(found)) == len(found)
    return found

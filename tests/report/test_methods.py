"""Runs whose methods could be taken for one another: several learning rates, readings called as rivals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leukolab.base.home import Home
from leukolab.report import chosen
from leukolab.report.figures.headline import reading_rows
from leukolab.report.names import Names
from leukolab.report.run import Run, read_run
from leukolab.report.tables.subtypes import splits_sheet
from leukolab.report.texts import load_texts
from small_runs import reading_spec, write_run

TEXTS = load_texts()
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

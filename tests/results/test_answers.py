"""What the first lines of a report may say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from leukolab.study.answers import Facts, _rivals

from leukolab.base.files import read_json, read_table
from leukolab.report.texts import load_texts


def row(name: str, low: float, high: float) -> dict[str, Any]:
    return {"rival": f"rival:{name}:corrected:outer1", "difference": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (
            [row("features", 0.02, 0.07), row("colour", 0.05, 0.2)],
            "better than both simple rivals; the better of these",
        ),
        (
            [row("features", -0.01, 0.07), row("colour", 0.05, 0.2)],
            "cannot be distinguished from the better of its",
        ),
        ([row("features", 0.02, 0.07), row("colour", -0.01, 0.22)], "but cannot be distinguished from the other, size"),
        ([row("colour", -0.2, -0.1), row("features", -0.01, 0.2)], "It is worse than a simple rival: size"),
        ([row("features", -0.2, 0.01), row("colour", -0.09, -0.08)], "It is worse than a simple rival: size"),
    ],
)
def test_better_than_both_is_said_where_it_is_better_than_each(against: list[dict[str, Any]], said: str) -> None:
    scores = pd.DataFrame(
        [
            {"member": one["rival"], "role": "test", "metric": "balanced_accuracy", "unit": "image"}
            | {"value": 0.7, "low": 0.6, "high": 0.8}
            for one in against
        ]
    )
    results: Any = SimpleNamespace(shortcut_kind="size and colour")
    sentence = _rivals(Facts(results, scores, {}, load_texts("en")), against)
    assert said in sentence
    assert ("has not earned its place" in sentence) == ("better than both" not in said)


@pytest.mark.parametrize("protocol", ["published", "corrected"])
@pytest.mark.parametrize("reading", ["frozen", "finetune"])
def test_the_first_lines_hold_the_scores_of_each_reading(protocol: str, reading: str, subtypes_run: Any) -> None:
    """Of several splits mean and range, of one its score and interval; colour alone on the very same splits."""
    run = subtypes_run.folder
    scores, jobs = read_table(run / "scores.parquet"), read_table(run / "jobs.parquet")
    jobs = jobs[(jobs["protocol"] == protocol) & (jobs["reading"] == reading)]
    rivals = [f"rival:colour:{protocol}:outer{outer}" for outer in jobs["outer"]]
    test = scores[(scores["role"] == "test") & (scores["metric"] == "accuracy") & (scores["unit"] == "image")]
    test = test.set_index("member")
    mine, colour = test.loc[list(jobs["job"])], test.loc[rivals, "value"].mean()
    once = len(jobs) == 1
    low, high = (mine["low"].iloc[0], mine["high"].iloc[0]) if once else (mine["value"].min(), mine["value"].max())
    name = load_texts("en").name("methods", reading)
    lines = read_json(run / "answers.json")["headline"]
    (said,) = [line for line in lines if f'"{name}"' in line and line.startswith(protocol_word(protocol))]
    assert f"is right for {mine['value'].mean():.3f} of" in said
    assert f"{low:.3f} to {high:.3f}" in said
    assert f"colour alone for {colour:.3f}" in said
    assert ("95 % interval" in said) == once


def protocol_word(protocol: str) -> str:
    return {"published": "As published", "corrected": "Corrected"}[protocol]

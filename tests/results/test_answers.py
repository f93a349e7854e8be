"""What the first lines of a report may say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.findings import Finding
from leukolab.report.names import Names
from leukolab.report.texts import load_texts
from leukolab.results.answers import Facts, _rivals
from leukolab.results.members import Member
from leukolab.results.records import Against


def row(method: str, low: float, high: float) -> Against:
    answer = "better" if low > 0 else "worse" if high < 0 else "same"
    name = f"the one of {method}"
    return Against(rival=name, difference=(low + high) / 2, low=low, high=high, mdd=0.1, answer=answer)


def verdict(against: list[Against], shortcut: str) -> Finding:
    """The finding about a model with these rivals, which all score 0.7."""
    names = {"features": "the one of features", "colour": "the one of colour"}
    members = [Member(name, "rival", "corrected", 1, method=method) for method, name in names.items()]
    facts = {"role": "test", "metric": "balanced_accuracy", "unit": "subject", "value": 0.7, "low": 0.6, "high": 0.8}
    scores = pd.DataFrame([{"member": name, **facts} for name in names.values()])
    results, chosen = (SimpleNamespace(shortcut=shortcut, subjects_known=True) for _ in range(2))
    return _rivals(Facts(results, scores, members, chosen), against)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("against", "code", "said"),
    [
        (
            [row("features", 0.02, 0.07), row("colour", 0.05, 0.2)],
            "better",
            "better than both simple rivals; the better of these",
        ),
        (
            [row("features", -0.01, 0.07), row("colour", 0.05, 0.2)],
            "same",
            "cannot be distinguished from the better of its",
        ),
        (
            [row("features", 0.02, 0.07), row("colour", -0.01, 0.22)],
            "partly",
            "but cannot be distinguished from the other, size",
        ),
        (
            [row("colour", -0.2, -0.1), row("features", -0.01, 0.2)],
            "worse",
            "It is worse than a simple rival: size",
        ),
        (
            [row("features", -0.2, 0.01), row("colour", -0.09, -0.08)],
            "worse",
            "It is worse than a simple rival: size",
        ),
    ],
)
def test_better_than_both_is_said_where_it_is_better_than_each(against: list[Against], code: str, said: str) -> None:
    finding = verdict(against, "size_and_colour")
    assert finding.code == f"answer.rival_{code}"
    told = {"better": 0, "same": 0, "partly": 1}.get(code, 0 if against[0].rival.endswith("colour") else 1)
    values = {name: getattr(against[told], name) for name in ("difference", "low", "high", "mdd")}
    rival = "size_and_colour" if against[told].rival.endswith("colour") else "features"
    assert finding.values == {"rival": rival, "value": 0.7, **values}
    sentence = load_texts().finding(finding)
    assert said in sentence
    assert ("has not earned its place" in sentence) == (code != "better")


def test_a_probe_that_sees_colour_alone_is_called_so() -> None:
    against = [row("colour", 0.02, 0.07), row("features", 0.05, 0.2)]
    said = [load_texts().finding(verdict(against, kind)) for kind in ("colour", "size_and_colour")]
    assert ["size" in sentence for sentence in said] == [False, True]


@pytest.mark.parametrize("protocol", ["published", "corrected"])
@pytest.mark.parametrize("reading", ["frozen", "finetune"])
def test_the_first_lines_hold_the_scores_of_each_reading(protocol: str, reading: str, reading_run: Any) -> None:
    """Of several splits mean and range, of one its score and interval; colour alone on the very same splits."""
    run = reading_run.folder
    jobs = run.jobs[(run.jobs["protocol"] == protocol) & (run.jobs["reading"] == reading)]
    scores = run.scores
    test = scores[(scores["role"] == "test") & (scores["metric"] == "accuracy") & (scores["unit"] == "image")]
    test = test.set_index("member")
    rivals = [one for one in run.rivals_record.members if (one.method, one.protocol) == ("colour", protocol)]
    rivals = [one.member for one in rivals if one.outer in set(jobs["outer"])]
    assert len(rivals) == len(jobs)
    mine, colour = test.loc[list(jobs["job"])], test.loc[rivals, "value"].mean()
    once = len(jobs) == 1
    low, high = (mine["low"].iloc[0], mine["high"].iloc[0]) if once else (mine["value"].min(), mine["value"].max())
    assert np.isnan(low) == (once and protocol == "published"), "no interval with subjects on two sides"
    code = f"answer.{'reading' if not once else 'alone' if np.isnan(low) else 'once'}_{protocol}"
    (finding,) = [one for one in run.answers.headline if one.code == code and one.values["method"] == reading]
    expected = {"value": mine["value"].mean(), "low": low, "high": high, "colour": colour}
    found = {name: np.nan if finding.values[name] is None else finding.values[name] for name in expected}
    assert found == pytest.approx(expected, nan_ok=True)
    assert finding.values["splits"] == len(jobs)
    said = Names.of(run, load_texts()).finding(finding)
    assert said.startswith({"published": "As published", "corrected": "Corrected"}[protocol])
    assert f'"{load_texts().name("methods", reading)}" is right for {expected["value"]:.3f} of' in said
    assert (f"{low:.3f} to {high:.3f}" in said) == np.isfinite(low)
    assert f"colour alone for {colour:.3f}" in said
    assert ("95 % interval" in said) == (once and protocol == "corrected")


def test_without_a_test_the_difference_stands_with_the_reason() -> None:
    why = Finding("test.too_few_subjects", "warning", {"subjects": 5, "fewest": 2, "needed": 7, "per_class": 3})
    rows = [Against(rival="the one of colour", difference=0.1, answer="too_few", notes=(why,))]
    finding = verdict(rows, "colour")
    assert finding.code == "answer.rival_untested"
    texts = load_texts()
    said = texts.finding(Finding(finding.code, "info", {**finding.values, "finding": texts.finding(why)}))
    assert said == (
        "The stronger of its two simple rivals, colour, reaches 0.700 (difference +0.100). "
        "5 subjects cannot answer this: at least 7, 3 per class, are needed."
    )

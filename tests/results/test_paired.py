"""Which differences of a run are tested, and a member against its rivals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leukolab.results.hypotheses import _weights
from leukolab.results.members import Member
from leukolab.results.paired import against, barred, recalls_of
from leukolab.results.ranking import Scored
from leukolab.results.records import Against, ChosenRecord

GROUPS = np.repeat([f"s{n}" for n in range(12)], 10)
LABELS = np.repeat([0, 1], 60)


def results(
    leakage: str = "none", subjects_known: bool = True, champion_on: str = "tuning", weights_on: str = "tuning"
) -> Any:
    """What the functions ask of a run."""
    split = SimpleNamespace(head=SimpleNamespace(leakage=leakage))
    protocol = SimpleNamespace(champion_on=champion_on, weights_on=weights_on)
    spec = SimpleNamespace(active_protocols={"corrected": protocol}, ensembles=object())
    return SimpleNamespace(subjects_known=subjects_known, splits={"corrected": split}, spec=spec)


def scored(wrong: list[int]) -> Scored:
    """Predictions with so many wrong of the ten images of each subject."""
    wrong_n = np.concatenate([np.arange(10) < count for count in wrong])
    called = np.where(wrong_n, 1 - LABELS, LABELS)
    return Scored(LABELS, np.stack([1.0 - called, called], axis=1), np.ones(len(LABELS)))


MEMBERS = {
    "good": scored([0, 1] * 6),
    "weak": scored([4, 5, 6, 4, 5, 4] * 2),
    "same": scored([1, 0] * 6),
}


@pytest.mark.parametrize(
    ("leakage", "known", "code"),
    [
        ("none", True, None),
        ("known", True, "test.leaky_split"),
        ("subjects-unknown", False, "test.unknown_subjects"),
        ("known", False, "test.unknown_subjects"),
    ],
)
def test_only_known_subjects_on_one_side_are_tested(leakage: str, known: bool, code: str | None) -> None:
    found = barred(results(leakage, known), "corrected")
    assert (found and found.code) == code


@pytest.mark.parametrize(("champion_on", "weights_on"), [("test", "tuning"), ("tuning", "test"), ("test", "test")])
def test_what_the_test_part_chose_is_not_tested_on_it(champion_on: str, weights_on: str) -> None:
    run = results(champion_on=champion_on, weights_on=weights_on)
    found = barred(run, "corrected")
    assert found is not None
    assert found.code == "test.chosen_on_test"
    run.spec.ensembles = None
    assert (barred(run, "corrected") is None) == (champion_on != "test"), "without ensembles nothing is weighed"


def test_a_member_against_its_rivals_the_strongest_first() -> None:
    recalls = recalls_of(results(), MEMBERS, GROUPS)
    rows = against(recalls, "good", ["weak", "same"], None, seed=1)
    assert [(row.rival, row.answer) for row in rows] == [("same", "same"), ("weak", "better")]
    assert rows[1].difference == pytest.approx(28 / 60 - 0.05)
    assert rows[1].low is not None
    assert rows[1].high is not None
    assert 0 < rows[1].low < rows[1].difference < rows[1].high
    assert {note.code for row in rows for note in row.notes} == {"test.these_models"}


def test_what_is_not_tested_has_no_interval_and_can_be_kept() -> None:
    why = barred(results("known"), "corrected")
    rows = against(recalls_of(results(), MEMBERS, GROUPS), "good", ["weak"], why, seed=1)
    assert rows[0].notes == (why,)
    assert (rows[0].low, rows[0].high, rows[0].p_holm, rows[0].mdd, rows[0].answer) == (None,) * 4 + ("no_test",)
    record = ChosenRecord(member="good", chosen_on="tuning", claim=True, against=rows)
    assert ChosenRecord.model_validate_json(record.model_dump_json()) == record


def test_a_record_of_an_earlier_version_is_read() -> None:
    row = Against.model_validate({"rival": "r", "difference": 0.1, "low": 0.0, "high": 0.2})
    assert (row.answer, row.notes, row.mdd) == ("no_test", (), None)


def test_unknown_subjects_count_by_image() -> None:
    """As if all images were of one subject: the difference is that of balanced accuracy by image."""
    few = {name: Scored(*(values[:70] for values in one)) for name, one in MEMBERS.items()}
    recalls = recalls_of(results(subjects_known=False), few, GROUPS[:70])
    assert recalls.weight_gk.tolist() == [[1.0, 1.0]]
    assert recalls.mean_of(["good"]).tolist() == [[pytest.approx(57 / 60), 1.0]]


def test_models_of_an_ensemble_in_every_outer_part() -> None:
    parts = [
        Member("1/mix", "ensemble", "corrected", 1, sources=("1/a", "1/b"), weights=(0.6, 0.4)),
        Member("2/mix", "ensemble", "corrected", 2, sources=("2/a",), weights=(1.0,)),
    ]
    assert _weights(parts) == {"1/a": 0.6, "1/b": 0.4, "2/a": 1.0}

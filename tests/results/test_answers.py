"""What the first lines of a report may say."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.findings import Finding, findings_to_text
from leukolab.report.names import Names
from leukolab.report.texts import load_texts
from leukolab.results import headline
from leukolab.results.answers import Facts, _rivals
from leukolab.results.members import Member
from leukolab.results.questions import answer_to
from leukolab.results.records import Against
from leukolab.spec import load_study
from leukolab.stats import METRICS, subject_weights
from small_runs import mixing_spec, write_run


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
    values = {name: getattr(against[told], name) for name in ("difference", "low", "high", "p_holm", "mdd")}
    rival = "size_and_colour" if against[told].rival.endswith("colour") else "features"
    assert finding.values == {"rival": rival, "value": 0.7, **values}
    sentence = load_texts().finding(finding)
    assert said in sentence
    assert ("has not earned its place" in sentence) == (code != "better")


def test_a_probe_that_sees_colour_alone_is_called_so() -> None:
    against = [row("colour", 0.02, 0.07), row("features", 0.05, 0.2)]
    said = [load_texts().finding(verdict(against, kind)) for kind in ("colour", "size_and_colour")]
    assert ["size" in sentence for sentence in said] == [False, True]


@pytest.mark.parametrize("reading", ["frozen", "finetune"])
def test_the_line_of_a_reading_leads_with_the_corrected_score(reading: str, reading_run: Any) -> None:
    """Of several splits mean and spread, of one its score; then the published protocol and the rivals beside it."""
    run = reading_run.folder
    scores = run.scores
    test = scores[(scores["role"] == "test") & (scores["metric"] == "accuracy") & (scores["unit"] == "subject")]
    test = test.set_index("member")["value"]

    def of(protocol: str, method: str) -> float:
        jobs = run.jobs[(run.jobs["protocol"] == protocol) & (run.jobs["reading"] == reading)]
        if not method:
            return float(test[list(jobs["job"])].mean())
        rivals = [one for one in run.rivals_record.members if (one.method, one.protocol) == (method, protocol)]
        return float(test[[one.member for one in rivals if one.outer in set(jobs["outer"])]].mean())

    (finding,) = [one for one in run.answers.headline if one.values.get("method") == reading]
    assert finding.code == "answer.reading_both"
    mine, before = of("corrected", ""), of("published", "")
    values = finding.values
    assert values["score"]["values"]["value"] == pytest.approx(mine)
    assert values["score"]["code"] == ("answer.of_parts" if reading == "frozen" else "answer.of_one")
    assert (values["published"], values["difference"]) == pytest.approx((before, mine - before))
    told = {one["values"]["rival"]: one["values"] for one in values["rivals"]}
    for rival, method in (("size_and_colour", "colour"), ("features", "features")):
        expected = (of("corrected", method), of("published", method))
        assert (told[rival]["value"], told[rival]["published"]) == pytest.approx(expected)
        assert told[rival]["more"] == pytest.approx(mine - expected[0])
    said = Names.of(run, load_texts()).finding(finding)
    assert said.startswith(f'Corrected, by subject: "{load_texts().name("methods", reading)}" calls {mine:.3f} (')
    assert f"as published {before:.3f}, a difference of {mine - before:+.3f}" in said


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


NONE = {"answer": "same", "difference": 0.01, "note": "", "mdd": 0.08}


def side(rate: float) -> str:
    return findings_to_text([Finding("side.learning_rate", "info", {"rate": rate})])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "Which learning rate? This run holds nothing to compare."),
        (
            [NONE, NONE | {"difference": -0.02}],
            "Which learning rate? Not distinguished here: the largest difference seen is 0.020, learning rate 0.001 "
            "over learning rate 0.01, which is no proof of one; a true difference of 0.080 would be found 8 times in "
            "10.",
        ),
        (
            [NONE, NONE | {"answer": "no_test", "difference": 0.5, "mdd": float("nan")}],
            "Which learning rate? Not distinguished here: the largest difference seen is 0.010, learning rate 0.01 "
            "over learning rate 0.001, which is no proof of one; a true difference of 0.080 would be found 8 times in "
            "10.",
        ),
        (
            [NONE, NONE | {"answer": "worse", "difference": -0.2}],
            "Which learning rate? learning rate 0.001 is better than learning rate 0.01 (by 0.200); the other "
            "differences were not distinguished.",
        ),
        (
            [NONE | {"answer": "better", "difference": 0.2}],
            "Which learning rate? learning rate 0.01 is better than learning rate 0.001 (by 0.200).",
        ),
        (
            [NONE | {"answer": "no_test", "note": findings_to_text([Finding("split.subjects_unknown", "info")])}],
            "Which learning rate? No answer. Subjects are not known: scores are upper bounds, and there are no "
            "intervals.",
        ),
    ],
)
def test_a_question_is_answered_by_what_was_decided_alone(
    rows: list[dict[str, Any]], said: str, mixing_run: Any
) -> None:
    table = pd.DataFrame([row | {"first": side(0.01), "second": side(0.001)} for row in rows])
    assert Names.of(mixing_run.folder, load_texts()).finding(answer_to("rate", table)) == said


def codes(run: Any) -> list[str]:
    return [one.code.removeprefix("answer.") for one in run.folder.answers.headline]


def test_the_first_line_is_by_subject_and_says_what_was_missed(pooled_run: Any) -> None:
    run = pooled_run.folder
    assert codes(pooled_run)[:3] == ["first_unseen", "missed", "weigh"]
    pooled = run.chosen.pooled.member
    scores = run.scores
    mine = scores[(scores["member"] == pooled) & (scores["unit"] == "subject")].set_index("metric")
    first, missed = run.answers.headline[:2]
    told = {one["values"]["metric"]: one["values"] for one in first.values["scores"]}
    for metric in ("sensitivity", "specificity", "auc"):
        assert told[metric]["value"] == pytest.approx(mine.loc[metric, "value"])
        assert told[metric]["low"] == pytest.approx(mine.loc[metric, "low"])
    assert (told["sensitivity"]["class_name"], told["specificity"]["class_name"]) == ("all", "normal")
    parts = run.member_list()[pooled].sources
    table = run.confusion[run.confusion["member"].isin(parts) & (run.confusion["role"] == "test")]
    wrong = table[(table["actual"] == "all") & (table["called"] == "normal")]["images"].sum()
    assert (missed.values["missed"], missed.values["of"]) == (wrong, table[table["actual"] == "all"]["images"].sum())
    said = Names.of(run, load_texts()).finding(missed)
    assert said.startswith(f"By image: missed {wrong} of 30 leukaemic (all) cells, and called ")


def test_subjects_are_called_by_the_mean_probability_of_their_images(pooled_run: Any) -> None:
    run = pooled_run.folder
    table, index = run.subjects, run.index.set_index("image_id")
    sources = [run.member_list()[name] for name in run.member_list()[run.chosen.pooled.member].sources]
    assert set(table["member"]) == {run.chosen.pooled.member}
    assert len(table) == run.index["subject"].nunique()
    models = run.predictions.set_index(["member", "role"])
    for row in table[table["outer"] == 1].to_dict("records"):
        source = next(one for one in sources if one.outer == 1)
        weights = dict(zip(source.sources or (source.member,), source.weights or (1.0,), strict=True))
        p_one = 0.0
        for name, weight in weights.items():
            own = models.loc[(name, "test")]
            mine = own[own["image_id"].map(index["subject"]) == row["group"]]
            p_one += weight * float(mine["p_1"].mean())
        assert row["p_called"] == pytest.approx(p_one, abs=1e-5)
        assert row["called"] == ("all" if p_one >= 0.5 else "normal")
        assert row["images"] == len(mine)


def test_unknown_subjects_get_upper_bounds_and_no_table_of_subjects(four_class: Any, home: Any, tmp_path: Any) -> None:
    for name in ("benign", "early", "pre", "pro"):
        shutil.copytree(four_class / name, tmp_path / "own" / name)
    settings = ["data.card=folder", "image.size_px=48", "bootstrap=100"]
    split = "protocols.cross_validation.split={kind: kfold, by: auto, outer: 3, validation: 0.2}"
    run = write_run(tmp_path / "run", load_study("classify", [*settings, split]), tmp_path / "own", home)
    assert codes(run)[:2] == ["first_unknown", "wrong"]
    assert run.folder.subjects.empty
    said = Names.of(run.folder, load_texts()).finding(run.folder.answers.headline[0])
    assert said.startswith("Upper bounds, by image, as it is not known which images come from one subject: recall of ")
    assert "95 % interval" not in said
    assert "outer parts from" in said


def test_a_split_that_leaks_gives_no_interval_in_the_first_line(two_class: Any, home: Any, tmp_path: Any) -> None:
    run = write_run(tmp_path / "run", mixing_spec("protocol=published"), two_class, home)
    assert codes(run)[:2] == ["first_leaky", "missed"]
    said = Names.of(run.folder, load_texts()).finding(run.folder.answers.headline[0])
    assert "that were trained on too" in said
    assert "interval" not in said


def test_an_ensemble_is_offered_with_its_weights_and_its_own_predictions(ensemble_run: Any) -> None:
    run = ensemble_run.folder
    member = run.member_list()[run.chosen.member]
    assert member.kind == "ensemble"
    assert len(member.sources) == len(member.weights) > 1
    assert sum(member.weights) == pytest.approx(1)
    tables = {name: rows.set_index("image_id") for name, rows in run.predictions.groupby("member")}
    mine = tables[member.member]
    mine = mine[mine["role"] == "test"]
    mixed = sum(
        weight * tables[name].query("role == 'test'")["p_1"].reindex(mine.index).astype(float)
        for name, weight in zip(member.sources, member.weights, strict=True)
    )
    np.testing.assert_allclose(mine["p_1"], mixed, atol=1e-6)
    singles = run.scores[(run.scores["role"] == "tuning") & (run.scores["metric"] == "kappa")]
    kappa = singles[singles["unit"] == "image"].set_index("member")["value"]
    assert kappa[member.member] == pytest.approx(1)
    assert kappa[list(member.sources)].max() < 1


def test_recalls_of_the_first_line_are_those_whose_mean_is_the_balanced_accuracy(monkeypatch: Any) -> None:
    """A subject of two classes weighs one in all: three images of five in the first class, two in the second."""
    rows = pd.DataFrame(
        {
            "group": ["s"] * 5 + ["t"] * 2 + ["u"],
            "class_name": ["a", "a", "a", "b", "b", "a", "a", "b"],
            "right": [True, True, False, False, True, False, True, True],
        }
    )
    monkeypatch.setattr(headline, "tested_images", lambda *_: rows)
    facts = SimpleNamespace(unit="subject", parts=lambda _: [], results=SimpleNamespace(class_names=("a", "b")))
    found = headline._recalls(facts, None)  # type: ignore[arg-type]
    assert found == pytest.approx({"a": (0.4 + 0.5) / (0.6 + 1), "b": (0.2 + 1) / (0.4 + 1)})
    labels = (rows["class_name"] == "b").to_numpy().astype(int)
    called = np.where(rows["right"], labels, 1 - labels)
    weights = subject_weights(np.ones(8), rows["group"].to_numpy())
    score = METRICS["balanced_accuracy"](labels, np.eye(2)[called], weights)
    assert sum(found.values()) / 2 == pytest.approx(score)

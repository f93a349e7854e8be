"""The English sentences of findings."""

from __future__ import annotations

from typing import Any

import pytest

from leukolab.base.findings import Finding, findings_to_text
from leukolab.report.hypotheses import comparison, sentence
from leukolab.report.texts import load_texts

SENTENCES = {
    "few_tuning_groups": (
        {"limit": 5, "parts": [1, 3], "fewest": 2},
        "Few groups: under 5 tuning groups in a class (outer parts 1, 3; at the fewest 2), so no champion is claimed "
        "and nothing is calibrated; where models are mixed, weights come from each member's own fold.",
    ),
    "few_test_groups": (
        {"limit": 20, "parts": [4], "fewest": 9, "width": 0.2345},
        "Few groups: under 20 test groups in a class (outer part 4; at the fewest 9): "
        "expect a 95 % interval of balanced accuracy about 0.23 wide (at recalls of 0.80, with many images a subject).",
    ),
    "few_test_groups_together": (
        {"limit": 20, "fewest": 19, "width": 0.2},
        "Few groups: under 20 test groups in a class, the outer parts together (19): "
        "expect a 95 % interval of balanced accuracy about 0.20 wide (at recalls of 0.80, with many images a subject).",
    ),
    "large_groups": (
        {"parts": [2]},
        "No choice of tuning groups kept every group under a third of the part's images (outer part 2).",
    ),
    "only_twins_together": (
        {},
        "Subjects are not known: only twins were kept together; neighbouring images may look alike.",
    ),
    "dropped_twins": (
        {"images": 3},
        "3 images were dropped from a part (training first, test never): their twin stands in another.",
    ),
    "leaks_subjects": (
        {"groups": 12},
        "This split leaks: 12 groups (subjects) stand in two roles of one fold; scores are upper bounds.",
    ),
    "leaks_equal_images": (
        {"groups": 1200},
        "This split leaks: 1200 sets of equal images stand in two roles of one fold; scores are upper bounds.",
    ),
    "subjects_unknown": ({}, "Subjects are not known: scores are upper bounds, and there are no intervals."),
    "note": ({"note": "As an older version wrote it."}, "As an older version wrote it."),
}
"""Code without its room, values, and the sentence."""


@pytest.mark.parametrize("code", SENTENCES)
def test_findings_of_splits_in_words(code: str) -> None:
    values, sentence = SENTENCES[code]
    assert load_texts().finding(Finding(f"split.{code}", "info", values)) == sentence


def test_every_finding_of_a_split_is_in_the_list() -> None:
    known = {key.removeprefix("findings.split.") for key in load_texts().entries if key.startswith("findings.split.")}
    assert known == set(SENTENCES)


NUMBERS = {"difference": 0.01234, "low": -0.0104, "high": 0.0355, "p_value": 0.02, "p_holm": 0.06, "mdd": 0.08}
SPAN = "(difference +0.012, 95 % interval -0.010 to +0.035, p 0.060)."
DETECTABLE = "A true difference of 0.080 would be found 8 times in 10."


def side(kind: str, **values: object) -> str:
    return findings_to_text([Finding(f"side.{kind}", "info", values)])


@pytest.mark.parametrize(
    ("hypothesis", "first", "second", "answer", "compared", "said"),
    [
        (
            "H1",
            side("learning_rate", rate=0.001),
            side("learning_rate", rate=0.00001),
            "better",
            "learning rate 0.001 minus learning rate 0.00001",
            f"Learning rate 0.001 is better than learning rate 0.00001 {SPAN}",
        ),
        (
            "H2",
            side("best_ensemble"),
            side("best_single"),
            "same",
            "best ensemble minus best single model",
            f"Best ensemble and best single model cannot be distinguished {SPAN} {DETECTABLE} "
            "The ensemble was chosen on the tuning, validation part.",
        ),
        (
            "H3",
            side("intra_lr", scheme="f1"),
            side("inter_lr", scheme="f1"),
            "worse",
            "Intra-LR (F1) minus Inter-LR (F1)",
            f"Intra-LR (F1) is worse than Inter-LR (F1) {SPAN}",
        ),
        (
            "H4",
            side("scheme", scheme="f1"),
            side("scheme", scheme="kappa"),
            "same",
            "weights by F1 minus weights by kappa",
            f"Weights by F1 and weights by kappa cannot be distinguished {SPAN} {DETECTABLE}",
        ),
        ("H4", "", "", "nothing", "", "Nothing to compare."),
    ],
)
def test_answers_to_hypotheses_in_words(
    hypothesis: str, first: str, second: str, answer: str, compared: str, said: str
) -> None:
    row = {"hypothesis": hypothesis, "first": first, "second": second, "answer": answer, **NUMBERS}
    row |= {"picked_on": "tuning, validation", "note": ""}
    assert comparison(row, load_texts()) == compared
    assert sentence(row, load_texts()) == said


TOO_FEW = Finding("test.too_few_subjects", "warning", {"subjects": 8, "needed": 9, "per_class": 3, "fewest": 4})


@pytest.mark.parametrize(
    ("answer", "p_holm", "notes", "said"),
    [
        ("too_few", float("nan"), [TOO_FEW], "8 subjects cannot answer this: at least 9, 3 per class, are needed."),
        ("no_test", float("nan"), [Finding("test.unknown_subjects", "info")], "Not tested: subjects are unknown."),
        ("better", 0.0001, [Finding("test.these_models", "info")], "+0.035, p < 0.001). This holds for these trained"),
        ("better", 0.01, [Finding("test.primary", "info")], "p 0.010). This is the primary question, named before"),
        ("same", 0.1, [Finding("test.exploratory", "info")], f"{DETECTABLE} Exploratory: another question was named"),
    ],
)
def test_notes_follow_the_answer(answer: str, p_holm: float, notes: list[Finding], said: str) -> None:
    sides = {"first": side("intra_lr", scheme="f1"), "second": side("inter_lr", scheme="f1")}
    row = {"hypothesis": "H3", **sides, **NUMBERS, "answer": answer, "p_holm": p_holm, "note": findings_to_text(notes)}
    assert said in sentence(row, load_texts())
    assert sentence(row, load_texts("id"))


GROUPS = {"groups": 40, "replicates": 2000}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ([("interval.none", {})], "no interval"),
        ([("interval.range", {"models": 5})], "mean and range of 5 models"),
        (
            [("interval.groups", {"groups": 40, "replicates": 2000}), ("interval.one_group", {})],
            "percentile bootstrap over 40 identity groups, 2000 replicates (an earlier version's; too narrow for few "
            "groups); "
            "a class has one group only, so the interval is too narrow",
        ),
        (
            [("interval.folds_and_parts", {"folds": 5, "parts": 3}), ("interval.extra_subject", GROUPS)],
            "mean of 5 fold models, 3 outer parts together; "
            "Bayesian bootstrap over 40 identity groups with an extra subject at each end, 2000 replicates",
        ),
        (
            [("interval.parts", {"folds": 1, "parts": 5}), ("interval.spread", {"parts": 5})],
            "5 outer parts together; spread: lowest and highest of 5 outer parts",
        ),
        (
            [("interval.one_subject", {}), ("interval.effective_subjects", {"effective": [2.5, 1.4]})],
            "a class has one subject: no judgement; effective number of subjects by class: 2.5, 1.4",
        ),
    ],
)
def test_intervals_in_words(made: list[tuple[str, dict[str, Any]]], words: str) -> None:
    text = findings_to_text(Finding(code, "info", values) for code, values in made)
    assert load_texts().findings(text, "; ") == words


def test_equal_weights_in_words() -> None:
    found = load_texts().finding(Finding("ensemble.no_score_above_zero", "warning"))
    assert found == "No member scores above 0, so all weigh the same."

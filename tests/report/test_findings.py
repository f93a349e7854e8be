"""The English sentences of findings."""

from __future__ import annotations

import pytest

from leukolab.base.findings import Finding
from leukolab.report.texts import load_texts

SENTENCES = {
    "few_tuning_groups": (
        {"limit": 5, "parts": [1, 3], "fewest": 2},
        "Few groups: under 5 tuning groups in a class (outer parts 1, 3; at the fewest 2), so ensemble weights come "
        "from each member's own fold, no champion is claimed and nothing is calibrated.",
    ),
    "few_test_groups": (
        {"limit": 20, "parts": [4], "fewest": 9, "width": 0.2345},
        "Few groups: under 20 test groups in a class (outer part 4; at the fewest 9): "
        "expect a 95 % interval of balanced accuracy about 0.23 wide.",
    ),
    "few_test_groups_together": (
        {"limit": 20, "fewest": 19, "width": 0.2},
        "Few groups: under 20 test groups in a class, all outer parts together (19): "
        "expect a 95 % interval of balanced accuracy about 0.20 wide.",
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
    "subjects_unknown": ({}, "Subjects are not known: scores are upper bounds, and intervals are too narrow."),
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

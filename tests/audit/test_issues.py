from __future__ import annotations

from typing import Any

import pandas as pd

from leukolab.audit.issues import conflicts, issues, merged_subjects
from leukolab.splits import identity_groups

COLUMNS = ["image_id", "label", "class_name", "subject", "part", "official_fold"]


def index(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=COLUMNS).astype({"official_fold": "Int64"})


def pairs(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=["image_id", "other_id", "kind", "verdict"])
    return table.assign(score=1.0)


def found(table: pd.DataFrame, twins: pd.DataFrame) -> dict[str, Any]:
    groups = identity_groups(table, pairs=twins)
    return {one.code.removeprefix("audit."): one for one in issues(table, groups, twins)}


def test_twins_that_join_subjects_folds_and_parts_are_told() -> None:
    table = index(
        ("a", 1, "all", "43", "train", 0), ("b", 1, "all", "44", "train", 1), ("c", 1, "all", "45", "more", None)
    )
    seen = found(table, pairs(("a", "b", "near_twin", ""), ("b", "c", "identical_pixels", "")))
    assert set(seen) == {"twins", "shared_subjects", "folds_share", "parts_share"}
    assert seen["shared_subjects"].values == {"subjects": 3, "persons": 1, "pairs": 2, "sets": [["43", "44", "45"]]}
    assert seen["twins"].values == {"pairs": 2, "identical": 1, "flipped": 0, "near": 1}
    assert seen["folds_share"].values == {"count": 1, "named": [["a", "b"]]}
    assert seen["parts_share"].values["named"] == [["b", "c"]]


def test_labels_that_contradict_are_a_problem_where_pixels_are_equal() -> None:
    table = index(("a", 1, "all", None, "t", 0), ("b", 0, "hem", None, "t", 0), ("c", 0, "hem", None, "t", 0))
    twins = pairs(("a", "b", "flipped", ""), ("a", "c", "near_twin", "two_classes"))
    seen = found(table, twins)
    assert {code: one.severity for code, one in seen.items()} == {
        "contradicting_labels": "problem",
        "twins": "warning",
        "alike_in_two_classes": "warning",
    }
    assert identity_groups(table, pairs=twins)["group"].tolist() == ["a", "a", "c"]
    assert [one.code for one in conflicts(table, twins)] == ["audit.contradicting_labels"]


def test_names_contradict_too() -> None:
    table = index(("a", 1, "all", "s1", "t", 0), ("b", 0, "hem", "s1", "t", 0), ("c", 0, "hem", "S1", "t", 0))
    seen = found(table, pairs())
    assert seen["subject_in_two_classes"].values == {
        "count": 1,
        "named": [{"subject": "s1", "classes": ["all", "hem"]}],
    }
    assert seen["alike_subjects"].values == {"count": 1, "named": [["S1", "s1"]]}


def test_a_pair_struck_out_says_nothing() -> None:
    table = index(("a", 1, "all", "1", "t", 0), ("b", 0, "hem", "2", "u", 1))
    assert found(table, pairs(("a", "b", "near_twin", "different"))) == {}
    assert set(found(table, pairs(("a", "b", "near_twin", "doubtful")))) == {"doubtful"}
    assert found(table, pairs(("a", "b", "identical_pixels", "different"))) == {}


def test_merged_subjects_are_sets_of_two_at_least() -> None:
    table = index(("a", 1, "all", "1", "t", 0), ("b", 1, "all", "2", "t", 0), ("c", 1, "all", "3", "t", 0))
    assert merged_subjects(table, identity_groups(table, [("1", "3")])) == [("1", "3")]


def test_names_with_leading_zeros_or_spaces_are_alike() -> None:
    table = index(("a", 1, "all", "007", "t", 0), ("b", 1, "all", "7", "t", 0), ("c", 1, "all", " 7", "t", 0))
    assert found(table, pairs())["alike_subjects"].values == {"count": 1, "named": [[" 7", "007", "7"]]}

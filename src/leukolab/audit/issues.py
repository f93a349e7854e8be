"""What pairs, names, labels and folds say against each other, once a person has judged the pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from leukolab.audit.exact import FLIPPED
from leukolab.base.findings import Finding
from leukolab.splits import APART, DIFFERENT, DOUBTFUL, EQUAL_KINDS, NEAR_KINDS, TWO_CLASSES

NAMED = 20
"""Pairs or subjects that a finding names at most; the table of pairs holds all."""


def issues(index: pd.DataFrame, groups: pd.DataFrame, pairs: pd.DataFrame) -> list[Finding]:
    """Everything that a person should look at before a split is believed.

    Args:
        index: image_id, class_name, subject, part, official_fold; one row per image.
        groups: from `splits.identity_groups` of the same index and pairs.
        pairs: image_id, other_id, kind, score, verdict, see `verdicts.judged`.
    """
    kept = pairs[~pairs["verdict"].isin(APART)]
    alike = _about_pairs("audit.alike_in_two_classes", "warning", pairs[pairs["verdict"] == TWO_CLASSES])
    return [
        *conflicts(index, pairs),
        *_counts(pairs),
        *alike,
        *_one_person(index, groups, kept),
        *_alike_names(index),
        *_places(index, kept),
    ]


def conflicts(index: pd.DataFrame, pairs: pd.DataFrame) -> list[Finding]:
    """Those that a report tells too: labels that contradict among equal images, and subjects in two classes."""
    equal = pairs[pairs["kind"].isin(EQUAL_KINDS) & (pairs["verdict"] != DIFFERENT)]
    found = list(_about_pairs("audit.contradicting_labels", "problem", equal[_differs(index, equal, "class_name")]))
    classes = index.dropna(subset=["subject"]).groupby("subject")["class_name"].unique()
    several = classes[classes.map(len) > 1]
    if len(several):
        named = [{"subject": str(name), "classes": sorted(map(str, own))} for name, own in several.items()]
        values = {"count": len(several), "named": named[:NAMED]}
        found.append(Finding("audit.subject_in_two_classes", "warning", values))
    return found


def _counts(pairs: pd.DataFrame) -> Iterator[Finding]:
    kinds = pairs.loc[~pairs["verdict"].isin(APART), "kind"]
    near, flipped = int(kinds.isin(NEAR_KINDS).sum()), int((kinds == FLIPPED).sum())
    if len(kinds):
        values = {"pairs": len(kinds), "identical": len(kinds) - near - flipped, "flipped": flipped, "near": near}
        yield Finding("audit.twins", "warning", values)
    doubtful = int((pairs["verdict"] == DOUBTFUL).sum())
    if doubtful:
        yield Finding("audit.doubtful", "info", {"pairs": doubtful})


def merged_subjects(index: pd.DataFrame, groups: pd.DataFrame) -> list[tuple[str, ...]]:
    """Sets of subjects that are one person, the largest first."""
    subjects = index[["image_id", "subject"]].dropna().merge(groups[["image_id", "group"]], on="image_id")
    sets = (tuple(sorted(map(str, own.unique()))) for _, own in subjects.groupby("group")["subject"])
    return sorted((one for one in sets if len(one) > 1), key=lambda one: (-len(one), one))


def _one_person(index: pd.DataFrame, groups: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    sets = merged_subjects(index, groups)
    if sets:
        joins = int(_differs(index, pairs, "subject").sum())
        counts = {"subjects": sum(map(len, sets)), "persons": len(sets), "pairs": joins}
        yield Finding("audit.shared_subjects", "warning", counts | {"sets": [list(one) for one in sets]})


def _alike_names(index: pd.DataFrame) -> Iterator[Finding]:
    """Names that differ only in case, spaces or leading zeros."""
    names = index["subject"].dropna().drop_duplicates().astype(str)
    plain = names.map(lambda name: name.strip().casefold().lstrip("0"))
    alike = [sorted(own) for _, own in names.groupby(plain) if len(own) > 1]
    if alike:
        yield Finding("audit.alike_subjects", "warning", {"count": len(alike), "named": alike[:NAMED]})


def _places(index: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    """Parts and official folds that twins join."""
    for column, code in (("official_fold", "audit.folds_share"), ("part", "audit.parts_share")):
        if column in index:
            yield from _about_pairs(code, "warning", pairs[_differs(index, pairs, column)])


def _differs(index: pd.DataFrame, pairs: pd.DataFrame, column: str) -> pd.Series:
    """Whether both images of a pair name this, and not the same."""
    facts = index.set_index("image_id")[column].astype(object)
    one = facts.reindex(pairs["image_id"]).set_axis(pairs.index)
    other = facts.reindex(pairs["other_id"]).set_axis(pairs.index)
    return (one.notna() & other.notna() & (one.astype(str) != other.astype(str))).astype(bool)


def _about_pairs(code: str, severity: Any, pairs: pd.DataFrame) -> Iterator[Finding]:
    if len(pairs):
        named = pairs[["image_id", "other_id"]].head(NAMED).astype(str).to_numpy().tolist()
        yield Finding(code, severity, {"count": len(pairs), "named": named})

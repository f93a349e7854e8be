"""Scores of every model, ensemble and rival of a run: tables that the report draws and `verify` can redo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leukolab.results import Scored
from leukolab.results.predictions import Place, Results
from leukolab.splits import ROLES
from leukolab.stats import (
    ClassScheme,
    classification_report,
    confusion,
    image_weights,
    pr_points,
    roc_points,
    score_table,
    scores,
    subject_weights,
)

INTERVAL_ROLES = ("tuning", "test")
SCORE_COLUMNS = ["member", "protocol", "outer", "kind", "role", "metric", "unit", "value", "low", "high", "method"]
"""Columns of the table `scores`."""


@dataclass(frozen=True)
class Member:
    """Something that predicts: a model, an ensemble or a rival."""

    name: str
    kind: str
    place: Place
    like: str
    """The member whose table gives the images (itself, but for ensembles)."""
    parts: dict[str, Scored]

    @property
    def head(self) -> dict[str, Any]:
        """Columns that every row about this member begins with."""
        return {"member": self.name, "protocol": self.place.protocol, "outer": self.place.outer}


def model_members(results: Results) -> list[Member]:
    """The trained models of a run, in order of its jobs."""
    members = []
    for row in results.jobs.itertuples():
        place = Place(str(row.protocol), int(str(row.outer)), int(str(row.fold)))
        members.append(_member(results, str(row.job), "model", place))
    return members


def rival_members(results: Results) -> list[Member]:
    """The simple rivals of each outer part."""
    names = sorted({member for member, _ in results.tables if member.startswith("rival:")})
    members = []
    for name in names:
        _, _, protocol, outer = name.split(":")
        members.append(_member(results, name, "rival", Place(protocol, int(outer.removeprefix("outer")))))
    return members


def score_members(results: Results, members: list[Member]) -> dict[str, pd.DataFrame]:
    """Tables `scores`, `confusion`, `curves` and `class_report` of all members."""
    rows: dict[str, list[pd.DataFrame]] = {"scores": [], "confusion": [], "curves": [], "class_report": []}
    for member in members:
        for role, scored in member.parts.items():
            rows["scores"].append(_scores(results, member, role, scored))
            if role in INTERVAL_ROLES:
                rows["confusion"].append(_confusion(results, member, role, scored))
                report = classification_report(*scored, results.class_names).rename(columns={"class": "class_name"})
                rows["class_report"].append(report.assign(**member.head, role=role))
        if "test" in member.parts and ClassScheme(len(results.class_names)).positive is not None:
            rows["curves"].append(_curves(member, member.parts["test"]))
    rows["scores"].append(summaries(pd.concat(rows["scores"], ignore_index=True), results))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in rows.items() if tables}


def summaries(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Mean and range over the outer parts (and folds) of each reading, learning rate and rival, on the test part."""
    test = table[(table["role"] == "test") & table["kind"].isin(["model", "rival"])].copy()
    names = dict(zip(results.jobs["job"], summary_names(results.jobs), strict=True))
    test["member"] = [names.get(m) or m.rpartition(":")[0] for m in test["member"]]
    grouped = test.groupby(["member", "protocol", "metric", "unit"], sort=False)["value"]
    out = grouped.agg(value="mean", low="min", high="max", count="size").reset_index()
    out["method"] = [f"mean and range of {count} models" for count in out.pop("count")]
    return out.assign(outer=0, kind="summary", role="test")[list(table.columns)]


def summary_names(jobs: pd.DataFrame) -> Iterator[str]:
    """Of each job, the name of those that differ from it in outer part and fold only."""
    several = jobs["learning_rate"].nunique() > 1
    for row in jobs.itertuples():
        yield f"{row.protocol}/{row.reading}" + (f"/lr{row.learning_rate:g}" if several else "")


def _member(results: Results, name: str, kind: str, place: Place) -> Member:
    parts = {role: results.scored(name, place, role) for role in ROLES if results.has(name, role)}
    return Member(name, kind, place, name, parts)


def _scores(results: Results, member: Member, role: str, scored: Scored) -> pd.DataFrame:
    labels_n, probs_nk, copies_n = scored
    units = {"image": image_weights(copies_n)}
    groups = results.groups_of(member.like, role)
    if results.subjects_known:
        units["subject"] = subject_weights(copies_n, groups)
    tables = []
    for unit, weights_n in units.items():
        if role in INTERVAL_ROLES:
            bootstrap = results.bootstrap(member.like, member.place, role)
            tables.append(score_table(labels_n, probs_nk, weights_n, unit, bootstrap))
        else:
            values = scores(labels_n, probs_nk, weights_n)
            plain = pd.DataFrame({"metric": list(values), "value": list(values.values())})
            tables.append(plain.assign(unit=unit, low=np.nan, high=np.nan, method="no interval"))
    table = pd.concat(tables, ignore_index=True).assign(**member.head, kind=member.kind, role=role)
    return table[SCORE_COLUMNS]


def _confusion(results: Results, member: Member, role: str, scored: Scored) -> pd.DataFrame:
    matrix = confusion(*scored)
    rows = [
        {**member.head, "role": role, "actual": actual, "called": called, "images": int(matrix[i, j])}
        for i, actual in enumerate(results.class_names)
        for j, called in enumerate(results.class_names)
    ]
    return pd.DataFrame(rows)


def _curves(member: Member, scored: Scored) -> pd.DataFrame:
    roc, pr = roc_points(*scored), pr_points(*scored)
    tables = [
        pd.DataFrame({"curve": "roc", "x": roc["false_positive_rate"], "y": roc["true_positive_rate"]}),
        pd.DataFrame({"curve": "pr", "x": pr["recall"], "y": pr["precision"]}),
    ]
    return pd.concat(tables, ignore_index=True).assign(member=member.name)

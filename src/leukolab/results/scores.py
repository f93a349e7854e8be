"""Scores of every model, ensemble and rival of a run: tables that the report draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from leukolab.base.findings import Finding, findings_to_text
from leukolab.results.members import Member
from leukolab.results.predictions import Results
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
SCORE_COLUMNS = ["member", "role", "metric", "unit", "value", "low", "high", "interval"]
"""Columns of the table `scores`."""


def score_members(results: Results, members: Sequence[Member]) -> dict[str, pd.DataFrame]:
    """Tables `scores`, `confusion`, `curves` and `class_report` of members that predict."""
    found: dict[str, list[pd.DataFrame]] = {"scores": [], "confusion": [], "curves": [], "class_report": []}
    for member in members:
        for role in results.roles(member):
            found["scores"].append(_scores(results, member, role))
            if role in INTERVAL_ROLES:
                found["confusion"].append(_confusion(results, member, role))
                found["class_report"].append(_class_report(results, member, role))
            if role == "test" and ClassScheme(len(results.class_names)).positive is not None:
                found["curves"].append(_curves(results, member))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in found.items() if tables}


def summary_members(models: Iterable[Member], rivals: Iterable[Member]) -> list[Member]:
    """One member for the models that differ in outer part and fold only, and for each rival of a protocol."""
    models, summaries = list(models), dict[tuple[str, ...], Member]()
    several = len({model.learning_rate for model in models}) > 1
    for one in (*models, *rivals):
        rate = one.learning_rate if several else None
        key = (one.kind, one.protocol, one.reading or one.method, str(rate))
        name = f"{one.protocol}/{one.reading}" + (f"/lr{rate:g}" if rate is not None else "")
        fresh = Member(
            member=name if one.kind == "model" else f"rival:{one.method}:{one.protocol}",
            kind="summary",
            protocol=one.protocol,
            reading=one.reading,
            method=one.method,
            learning_rate=rate,
        )
        before = summaries.get(key, fresh)
        summaries[key] = replace(before, sources=(*before.sources, one.member))
    return list(summaries.values())


def summary_scores(table: pd.DataFrame, summaries: Sequence[Member]) -> pd.DataFrame:
    """Mean and range over the sources of each summary, on the test part."""
    names = {source: one.member for one in summaries for source in one.sources}
    test = table[(table["role"] == "test") & table["member"].isin(names)]
    test = test.assign(member=test["member"].map(names))
    grouped = test.groupby(["member", "metric", "unit"], sort=False)["value"]
    out = grouped.agg(value="mean", low="min", high="max", count="size").reset_index()
    ranges = [Finding("interval.range", "info", {"models": int(count)}) for count in out.pop("count")]
    out["interval"] = [findings_to_text([one]) for one in ranges]
    return out.assign(role="test")[list(table.columns)]


def units_of(results: Results, copies_n: np.ndarray, groups_n: np.ndarray) -> Mapping[str, np.ndarray]:
    """Weights of images by unit: by subject where subjects are known, then by image."""
    by_subject = {"subject": subject_weights(copies_n, groups_n)} if results.subjects_known else {}
    return by_subject | {"image": image_weights(copies_n)}


def _scores(results: Results, member: Member, role: str) -> pd.DataFrame:
    labels_n, probs_nk, copies_n = results.scored(member, role)
    tables: list[pd.DataFrame] = []
    for unit, weights_n in units_of(results, copies_n, results.groups_of(member, role)).items():
        if role in INTERVAL_ROLES:
            tables.append(score_table(labels_n, probs_nk, weights_n, unit, results.replicates(member, role)))
        else:
            values = scores(labels_n, probs_nk, weights_n)
            plain = pd.DataFrame({"metric": list(values), "value": list(values.values())})
            none = findings_to_text([Finding("interval.none", "info")])
            tables.append(plain.assign(unit=unit, low=np.nan, high=np.nan, interval=none))
    table = pd.concat(tables, ignore_index=True).assign(member=member.member, role=role)
    return table[SCORE_COLUMNS]


def _confusion(results: Results, member: Member, role: str) -> pd.DataFrame:
    matrix = confusion(*results.scored(member, role))
    rows = [
        {"member": member.member, "role": role, "actual": actual, "called": called, "images": int(matrix[i, j])}
        for i, actual in enumerate(results.class_names)
        for j, called in enumerate(results.class_names)
    ]
    return pd.DataFrame(rows)


def _class_report(results: Results, member: Member, role: str) -> pd.DataFrame:
    report = classification_report(*results.scored(member, role), results.class_names)
    return report.rename(columns={"class": "class_name"}).assign(member=member.member, role=role)


def _curves(results: Results, member: Member) -> pd.DataFrame:
    scored = results.scored(member, "test")
    roc, pr = roc_points(*scored), pr_points(*scored)
    tables = [
        pd.DataFrame({"curve": "roc", "x": roc["false_positive_rate"], "y": roc["true_positive_rate"]}),
        pd.DataFrame({"curve": "pr", "x": pr["recall"], "y": pr["precision"]}),
    ]
    return pd.concat(tables, ignore_index=True).assign(member=member.member)


def by_summary(models: Iterable[Member], summaries: Iterable[Member]) -> Iterator[tuple[Member, list[Member]]]:
    """Each summary of models with these models, in their order."""
    known = {model.member: model for model in models}
    for one in summaries:
        mine = [known[name] for name in one.sources if name in known]
        if mine:
            yield one, mine

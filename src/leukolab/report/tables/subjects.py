"""The first screen as a table, and every tested subject with its call."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leukolab.report.items import Column, Sheet
from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.tables.common import columns_of, with_intervals_in_words
from leukolab.report.texts import MISSING, Texts

FIRST = ("sensitivity", "specificity", "balanced_accuracy", "auc")
"""Metrics of the first screen; those that a run has not are left out."""


def first_sheet(run: Run, names: Names, texts: Texts) -> Sheet | None:
    """The model offered (pooled: what each part chose) and its rivals, by subject first; None where none is scored."""
    members = _first_members(run)
    scores = run.scores[run.scores["member"].isin(members) & (run.scores["role"] == "test")]
    scores = scores[scores["metric"].isin(FIRST)].reset_index(drop=True)
    if scores.empty:
        return None
    metrics = [name for name in FIRST if name in set(scores["metric"])]
    units = [unit for unit in ("subject", "image") if (scores["unit"] == unit).any()]
    rows = []
    for unit in units:
        for member in members:
            own = scores[(scores["member"] == member) & (scores["unit"] == unit)].set_index("metric")
            said = {name: _said(own, name, texts) for name in metrics}
            rows.append({"member": names(member), "unit": texts.name("units", unit), **said})
    columns = columns_of(texts, ("member", "text"), ("unit", "text"))
    columns += tuple(Column(name, texts.name("metrics", name), "text") for name in metrics)
    strong = frozenset(place for place, row in enumerate(rows) if row["member"] == names(members[0]))
    frame = with_intervals_in_words(scores, texts)
    return Sheet("first", frame, columns, shown=pd.DataFrame(rows), strong=strong)


def _first_members(run: Run) -> list[str]:
    """Whose scores the first lines tell, then their rivals."""
    record = run.chosen if run.chosen.pooled is None else run.chosen.pooled
    return [record.member, *(one.rival for one in record.against)]


def _said(scores: pd.DataFrame, metric: str, texts: Texts) -> str:
    """A value with its interval, or alone where it has none."""
    row: Any = scores.loc[metric] if metric in scores.index else None
    if row is None or pd.isna(row["value"]):
        return MISSING
    if pd.isna(row["low"]):
        return texts.number(float(row["value"]))
    return texts("table.with_interval", value=float(row["value"]), low=float(row["low"]), high=float(row["high"]))


def ordered(run: Run) -> pd.DataFrame:
    """Subjects from the worst called to the best: by accuracy, then those with more images first."""
    table = run.subjects.assign(accuracy=run.subjects["right"] / run.subjects["images"])
    table = table.sort_values(["accuracy", "images"], ascending=[True, False], kind="stable", ignore_index=True)
    return table.assign(rank=range(1, len(table) + 1), agrees=table["class_name"] == table["called"])


def subjects_sheet(run: Run, names: Names, texts: Texts) -> Sheet | None:
    """Every tested subject: images, accuracy, its call by the mean probability; None where subjects are unknown."""
    if run.subjects.empty:
        return None
    table, two = ordered(run), len(run.class_names) == 2
    shown = table.assign(
        class_name=[names.class_name(str(name)) for name in table["class_name"]],
        called=[names.class_name(str(name)) for name in table["called"]],
        agrees=[texts.name("judged", "right" if agrees else "wrong") for agrees in table["agrees"]],
    )
    columns = columns_of(
        texts,
        ("rank", "count"),
        ("group", "text"),
        ("class_name", "text"),
        ("images", "count"),
        ("accuracy", "score"),
        ("called", "text"),
        ("agrees", "text"),
        ("p_called", "score"),
        ("share_called", "score"),
    )
    values = {
        "positive": names.class_name(run.class_names[1]) if two else texts("table.class_called"),
        "right": int(table["agrees"].sum()),
        "count": len(table),
        "rule": texts("table.rule_two") if two else texts("table.rule_more"),
    }
    return Sheet(
        "subjects", table, columns, shown=shown, strong=frozenset(table.index[~table["agrees"]]), values=values
    )

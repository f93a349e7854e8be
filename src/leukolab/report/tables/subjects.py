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
    """Scores of the model offered (pooled: of each part) beside its rivals, by subject first; None where none is."""
    members = _first_members(run)
    scores = run.scores[run.scores["member"].isin(members) & (run.scores["role"] == "test")]
    scores = scores[scores["metric"].isin(FIRST)].reset_index(drop=True)
    if scores.empty:
        return None
    rows = [
        {"metric": texts("table.by_unit", metric=metric, unit=unit)}
        | {member: _said(scores, (member, unit, metric), texts) for member in members}
        for unit in ("subject", "image")
        for metric in FIRST
        if ((scores["unit"] == unit) & (scores["metric"] == metric)).any()
    ]
    columns = columns_of(texts, ("metric", "text")) + tuple(Column(name, names(name), "text") for name in members)
    strong = frozenset(range(sum(scores["unit"].eq("subject") & scores["member"].eq(members[0]))))
    frame = with_intervals_in_words(scores, texts)
    return Sheet("first", frame, columns, shown=pd.DataFrame(rows), strong=strong)


def _first_members(run: Run) -> list[str]:
    """Whose scores the first lines tell, then their rivals."""
    record = run.chosen if run.chosen.pooled is None else run.chosen.pooled
    return [record.member, *(one.rival for one in record.against)]


def _said(scores: pd.DataFrame, key: tuple[str, str, str], texts: Texts) -> str:
    """A value by member, unit and metric with its interval, or alone where it has none."""
    member, unit, metric = key
    own = (scores["member"] == member) & (scores["unit"] == unit) & (scores["metric"] == metric)
    rows = scores[own].to_dict("records")
    row: Any = rows[0] if rows else None
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

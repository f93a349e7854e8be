"""Section of methods that see handcrafted numbers of a cell: what each number is worth to them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukolab.report.figures.importance import importance_bars
from leukolab.report.items import Drawing, Section, Sheet
from leukolab.report.run import Run
from leukolab.report.sections.common import Scene
from leukolab.report.tables.common import columns_of
from leukolab.report.texts import Texts
from leukolab.results.members import Member

SHOWN = 15
"""Single numbers in the figure and in the table; the CSV file has all."""
FAMILY = "family"
"""Rows of `methods.importance` in which all numbers of a family were shuffled together."""


def importance_section(scene: Scene) -> Section:
    """What handcrafted numbers are worth to a method, that on offer before others; empty where none sees any."""
    run, texts = scene.run, scene.texts
    table = _table(run)
    if table.empty:
        return Section("importance", ())
    mine = _first(table, run.folder.offered())
    means = _means(mine, texts)
    families, numbers = means[means["kind"] == FAMILY], means[means["kind"] != FAMILY]
    counts = {"parts": mine["outer"].nunique(), "images": int(mine["images"].max()), "count": len(numbers)}
    numbers = numbers.head(SHOWN)
    values = {"method": mine["method"].iloc[0], "shown": len(numbers), **counts}
    what = texts.name("axes", "importance")
    figure = Drawing(
        "importance",
        lambda: importance_bars(families, numbers, what),
        narrow=lambda: importance_bars(families, numbers, what, narrow=True),
        values=values,
    )
    columns = columns_of(
        texts, ("number", "text"), ("unit", "text"), ("family", "text"), ("increase", "score"), ("least", "score"),
        ("greatest", "score"),
    )  # fmt: skip
    shown = pd.concat([families, numbers])
    return Section("importance", (figure, Sheet("importance_numbers", table, columns, shown, values=values)))


def _table(run: Run) -> pd.DataFrame:
    """The rows of every fit, with its protocol, method and outer part."""
    found = []
    for job in run.jobs[run.jobs["learning_rate"].isna()].to_dict("records"):
        rows = run.folder.job_importance(str(job["key"]))
        found.append(rows.assign(protocol=job["protocol"], method=job["reading"], outer=job["outer"]))
    found = [rows for rows in found if not rows.empty]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _first(table: pd.DataFrame, offered: Member) -> pd.DataFrame:
    """The rows of one method under one protocol: those on offer where they have some, else the first."""
    for name, value in (("protocol", offered.protocol), ("method", offered.reading)):
        table = table[table[name] == (value if (table[name] == value).any() else table[name].iloc[0])]
    return table


def _means(table: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Mean, least and greatest increase over outer parts, the greatest mean first."""
    by = table.groupby(["kind", "family", "name", "unit"], sort=False)["increase"]
    means = by.agg(increase="mean", least="min", greatest="max").reset_index()
    means = means.sort_values("increase", ascending=False, kind="stable", ignore_index=True)
    whole, families = means["kind"] == FAMILY, [texts.name("families", str(one)) for one in means["family"]]
    names = np.where(whole, families, means["name"])
    units = [f" ({unit})" if unit else "" for unit in means["unit"]]
    labels = [f"{name}{unit}" for name, unit in zip(names, units, strict=True)]
    return means.assign(label=labels, family=families, number=means["name"].where(~whole))

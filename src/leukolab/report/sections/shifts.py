"""Section of a run that was scored on changed test images: curves by strength, and the table."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from leukolab.images.shifts import AS_THEY_ARE, STRENGTHS
from leukolab.report import chosen
from leukolab.report.figures.shifts import by_strength
from leukolab.report.items import Column, Drawing, Section, Sheet
from leukolab.report.sections.common import Scene
from leukolab.report.tables.common import columns_of, with_intervals_in_words
from leukolab.report.texts import MISSING, Texts
from leukolab.results.members import CHOSEN

TABLED = ("balanced_accuracy", "auc")
"""Metrics of the table; the CSV file has every one."""


def shifts_section(scene: Scene) -> Section:
    """How scores hold where the test images change; empty where nobody asked."""
    run, texts = scene.run, scene.texts
    if run.shifts.empty:
        return Section("shifts", ())
    metric, unit = chosen.primary(run), chosen.unit_of(run)
    table = run.shifts[run.shifts["unit"] == unit]
    mine = table[table["metric"] == metric]
    panels = {_panel(scene, kind): _lines(scene, mine, kind) for kind in STRENGTHS if (mine["kind"] == kind).any()}
    label, chance = texts.name("metrics", metric), 1 / len(run.class_names)
    values = {
        "metric": label,
        "unit": unit,
        "images": int(table["images"].iloc[0]),
        "parts": int(table["parts"].iloc[0]),
        "apart": texts.localised(f"{table['apart'].max():.0e}"),
    }
    figure = Drawing(
        "shifts",
        lambda: by_strength(panels, label, chance),
        narrow=lambda: by_strength(panels, label, chance, narrow=True),
        values=values,
    )
    return Section("shifts", (figure, _sheet(scene, table, values)))


def _panel(scene: Scene, kind: str) -> tuple[str, str]:
    return scene.texts.name("shift_kinds", kind), scene.texts.name("shift_strengths", kind)


def _lines(scene: Scene, table: pd.DataFrame, kind: str) -> dict[str, pd.DataFrame]:
    """Each model's scores by strength, those of the images as they are at nought."""
    here = table[table["kind"].isin([AS_THEY_ARE, kind])].sort_values("strength", kind="stable")
    return {_name(scene, rows): rows for _, rows in here.groupby("method", sort=False)}


def _name(scene: Scene, rows: pd.DataFrame) -> str:
    """What the reader calls the model of these rows."""
    method, member = str(rows["method"].iloc[0]), str(rows["member"].iloc[0])
    if method != CHOSEN:
        return scene.names.rival(method)
    return scene.names(member) if member in scene.run.members else scene.texts.name("picked", CHOSEN)


def _sheet(scene: Scene, table: pd.DataFrame, values: dict[str, Any]) -> Sheet:
    """A row per change: balanced accuracy with its interval, and AUC, of every model."""
    texts, rows = scene.texts, []
    table = table[table["metric"].isin(TABLED)]
    for (kind, strength), mine in table.groupby(["kind", "strength"], sort=False):
        change = {"change": texts.name("shift_kinds", str(kind)), "strength": strength if strength else None}
        cells = {f"{row['metric']}_{row['method']}": _cell(row, texts) for row in mine.to_dict("records")}
        rows.append(change | cells)
    columns = columns_of(texts, ("change", "text"), ("strength", "rate"))
    for metric in TABLED:
        for method, mine in table.groupby("method", sort=False):
            header = f"{texts.name('metrics', metric)}: {_name(scene, mine)}"
            columns += (Column(f"{metric}_{method}", header, "text"),)
    frame = with_intervals_in_words(scene.run.shifts, texts)
    return Sheet("shift_scores", frame, columns, shown=pd.DataFrame(rows), values=values)


def _cell(row: dict[Hashable, Any], texts: Texts) -> str:
    """A score; the first metric of the table with its interval, where it has one."""
    if row["metric"] != TABLED[0] or pd.isna(row["low"]):
        return MISSING if pd.isna(row["value"]) else texts.number(float(row["value"]))
    return texts("table.with_interval", value=row["value"], low=row["low"], high=row["high"])

"""Tables of both studies, and their ways out: CSV as computed, LaTeX and page in readable form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.csv_text import csv_text
from leukolab.base.files import write_text
from leukolab.cards import card_names, get_card
from leukolab.report import chosen
from leukolab.report.items import Column, Form, Sheet
from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.tables.latex import latex
from leukolab.report.texts import Texts
from leukolab.results.members import BEST_ENSEMBLE, CHOSEN
from leukolab.splits import SplitHead


def write_sheet(sheet: Sheet, folder: Path, title: str, texts: Texts) -> None:
    """Write `KEY.csv` (values as computed) and `KEY.tex` (values as shown, see `latex`)."""
    name = f"{sheet.key}{sheet.suffix}"
    write_csv(sheet.frame, folder, name)
    write_text(folder / f"{name}.tex", latex(sheet, title, texts))


def write_csv(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """Write `name.csv`, every value as computed, see `csv_text`."""
    write_text(folder / f"{name}.csv", csv_text(frame))


DIFFERENCE: tuple[tuple[str, Form], ...] = (
    ("difference", "score"),
    ("low", "score"),
    ("high", "score"),
    ("p_value", "p"),
    ("p_holm", "p"),
    ("mdd", "score"),
)
"""Columns of a tested difference."""


def columns_of(texts: Texts, *wanted: tuple[str, Form]) -> tuple[Column, ...]:
    """Columns headed by the texts of their names."""
    return tuple(Column(name, texts.name("columns", name), form) for name, form in wanted)


def metric_columns(texts: Texts, metrics: list[str]) -> tuple[Column, ...]:
    """One column a metric."""
    return tuple(Column(name, texts.name("metrics", name)) for name in metrics)


def labelled(frame: pd.DataFrame, names: Names, texts: Texts) -> pd.DataFrame:
    """The frame with readable `protocol`, `member` and `outer` columns."""
    members = [names(str(member)) for member in frame["member"]]
    protocols = [texts.name("protocols", protocol) for protocol in frame["protocol"]]
    together = frame["member"].map(lambda member: names.members[member].kind == "pooled").astype(bool)
    outers = frame["outer"].astype(str).where(frame["outer"] > 0).mask(together, texts("names.together"))
    return frame.assign(member=members, protocol=protocols, outer=outers)


def with_intervals_in_words(scores: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Scores whose column `interval` says in words how each interval was made."""
    return scores.assign(interval=[texts.findings(str(text), "; ") for text in scores["interval"]])


def scores_html(scores: pd.DataFrame, texts: Texts) -> str:
    """Metric, unit, value and interval of scores as an HTML table, for a notebook; sentences are not cut off."""
    columns = ["metric", "unit", "value", "low", "high", "interval"]
    with pd.option_context("display.max_colwidth", None):
        table = with_intervals_in_words(scores, texts)[columns]
        return str(table.to_html(index=False, float_format="{:.3f}".format))


def scores_sheet(run: Run, names: Names, texts: Texts, unit: str) -> Sheet:
    """Every test score by `unit`: the long table as CSV, members by metrics in the page."""
    scores = chosen.part_scores(run, unit)
    scores = with_intervals_in_words(scores, texts)
    shown = labelled(chosen.wide(scores), names, texts)
    keys = columns_of(texts, ("protocol", "text"), ("outer", "text"), ("member", "text"))
    columns = keys + metric_columns(texts, chosen.each_once(chosen.metrics_of(scores), len(run.class_names)))
    return Sheet(f"scores_{unit}", scores, columns, shown=shown)


PICKED = (CHOSEN, BEST_ENSEMBLE)
POOLED_METRICS = ("accuracy", "sensitivity", "specificity", "f1", "f1_macro", "f1_weighted", "kappa", "auc", "ap")
"""Metrics beside the primary one in the table of all outer parts together."""


def pooled_sheet(run: Run, names: Names, texts: Texts) -> Sheet | None:
    """Every member over all outer parts together, by image and by subject; None where nothing was pooled."""
    if not run.of_kind("pooled"):
        return None
    metric = chosen.primary(run)
    scores = run.scores[run.scores["kind"] == "pooled"]
    keys = ["protocol", "member", "unit"]
    intervals = scores[scores["metric"] == metric].set_index(keys)[["value", "low", "high"]]
    found = chosen.each_once(chosen.metrics_of(scores), len(run.class_names))
    others = [name for name in found if name in POOLED_METRICS and name != metric]
    table = scores.pivot_table(index=keys, columns="metric", values="value", aggfunc="first", sort=False)
    table = table.reindex(columns=others)
    frame = intervals.join(table).reset_index()
    frame["parts"] = [chosen.parts_of(run, run.members[name]) for name in frame["member"]]
    shown = frame.assign(
        member=[names(str(name)) for name in frame["member"]],
        protocol=[texts.name("protocols", name) for name in frame["protocol"]],
        unit=[texts.name("units", name) for name in frame["unit"]],
    )
    columns = columns_of(texts, ("member", "text"), ("unit", "text"), ("parts", "count"))
    if frame["protocol"].nunique() > 1:
        columns = columns_of(texts, ("protocol", "text")) + columns
    columns += (Column("value", texts.name("metrics", metric)),)
    columns += columns_of(texts, ("low", "score"), ("high", "score")) + metric_columns(texts, others)
    picked = [bool(run.members[name].method in PICKED) for name in frame["member"]]
    strong = frozenset(frame.index[picked])
    return Sheet("pooled_scores", frame, columns, shown=shown, strong=strong)


def intervals_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """The primary metric of every member with its interval, by image and by subject."""
    metric = chosen.primary(run)
    scores = run.scores
    rows = scores[(scores["role"] == "test") & (scores["metric"] == metric)].reset_index(drop=True)
    rows = with_intervals_in_words(rows.sort_values(["protocol", "unit", "outer"], kind="stable"), texts)
    shown = labelled(rows, names, texts)
    shown = shown.assign(unit=[texts.name("units", unit) for unit in shown["unit"]])
    columns = columns_of(
        texts,
        ("protocol", "text"),
        ("unit", "text"),
        ("outer", "text"),
        ("member", "text"),
        ("value", "score"),
        ("low", "score"),
        ("high", "score"),
        ("interval", "text"),
    )
    return Sheet("intervals", rows, columns, shown=shown, values={"metric": texts.name("metrics", metric)})


def composition_sheet(run: Run, names: Names, texts: Texts, key: str = "composition") -> Sheet:
    """Images and groups of every class in every part."""
    table = run.composition
    shown = table.assign(
        protocol=[texts.name("protocols", name) for name in table["protocol"]],
        role=[texts.name("roles", name) for name in table["role"]],
        class_name=[names.class_name(str(name)) for name in table["class_name"]],
    )
    columns = columns_of(
        texts,
        ("protocol", "text"),
        ("outer", "count"),
        ("fold", "count"),
        ("role", "text"),
        ("class_name", "text"),
        ("images", "count"),
        ("copies", "count"),
        ("groups", "count"),
    )
    return Sheet(key, table, columns, shown=shown)


def data_parts_sheet(run: Run, names: Names, texts: Texts) -> Sheet:
    """Images and subjects of every part and class of the data set (Table 3.1)."""
    index = run.index
    grouped = index.assign(part=index["part"].astype(str)).groupby(["part", "class_name"], sort=True)
    table = grouped.agg(images=("image_id", "size"), subjects=("subject", "nunique")).reset_index()
    columns = columns_of(texts, ("part", "text"), ("class_name", "text"), ("images", "count"), ("subjects", "count"))
    shown = table.assign(class_name=[names.class_name(str(name)) for name in table["class_name"]])
    return Sheet("data_parts", table, columns, shown=shown)


def architecture_sheet(run: Run, names: Names, texts: Texts) -> Sheet | None:
    """Layers of the network, their shapes and parameters, and how many of these each stage trains (Gambar 4)."""
    rows = run.architecture.rows
    if not rows:
        return None
    keys = ("name", "kind", "output_shape", "parameters")
    table = [{key: getattr(row, key) for key in keys} for row in rows]
    last = [_sum_row(texts("table.total"), run.architecture.parameters)]
    for reading in (name for name in run.spec.readings if name in run.architecture.learning):
        for stage, count in run.architecture.learning[reading].items():
            last.append(_sum_row(texts("table.learning", reading=names.method(reading), stage=stage), count))
    frame = pd.DataFrame([*table, *last])
    shown = frame.assign(kind=[texts.localised(kind) if _is_number(kind) else kind for kind in frame["kind"]])
    columns = columns_of(texts, ("name", "text"), ("kind", "text"), ("output_shape", "text"), ("parameters", "count"))
    strong = frozenset(range(len(table), len(frame)))
    values = {"backbone": run.spec.model.backbone}
    return Sheet("architecture", frame, columns, shown=shown, strong=strong, values=values)


def _is_number(text: str) -> bool:
    """Whether a kind is a number, such as the rate of dropout."""
    return text.replace(".", "", 1).isdecimal()


def _sum_row(name: str, count: int) -> dict[str, Any]:
    return {"name": name, "kind": "", "output_shape": "", "parameters": count}


def honest_sheet(run: Run, texts: Texts) -> Sheet | None:
    """Published scores on unseen subjects of the same data set, the same class taken for the disease; else none."""
    card = get_card(run.card.name) if run.card.name in card_names() else None
    if card is None or not card.published_scores or not set(run.spec.data.positive_names) <= set(card.positive):
        return None
    scores = card.published_scores
    columns = columns_of(texts, ("work", "text"), ("part", "text"), ("score", "text"))
    table = pd.DataFrame(
        [(one.work, one.part, _listed(one.scores)) for one in scores], columns=["work", "part", "score"]
    )
    said = [
        _listed({texts.name("metrics", metric): texts.localised(value) for metric, value in one.scores.items()})
        for one in scores
    ]
    return Sheet("published_scores", table, columns, shown=table.assign(score=said))


def _listed(scores: Mapping[str, str]) -> str:
    return "; ".join(f"{metric} {value}" for metric, value in scores.items())


def used_sheet(run: Run, texts: Texts) -> Sheet:
    """What was used: data, fingerprints, versions, machine, times."""
    pairs: list[tuple[str, Any]] = [(key, getattr(run.card, key)) for key in ("title", "source", "doi", "licence")]
    for protocol, head in run.heads.items():
        name = texts.name("protocols", protocol)
        pairs += [(f"{name}: {texts.name('columns', key)}", _of_head(head, key, texts)) for key in HEAD]
    pairs += [(key, value) for key, value in run.environment.facts.items()]
    rows = [(texts.name("columns", key), value) for key, value in pairs if value not in (None, "")]
    table = pd.DataFrame([(what, str(value)) for what, value in rows], columns=["what", "value"])
    shown = table.assign(value=[_said(value, texts) for _, value in rows])
    columns = (Column("what", texts("columns.what"), "text"), Column("value", texts("columns.used"), "text"))
    return Sheet("used", table, columns, shown=shown)


def _said(value: Any, texts: Texts) -> str:
    """A fact as the page shows it; a time without fractions of a second."""
    if isinstance(value, float):
        return texts.localised(str(value))
    return TIME.sub(r"\1 \2", str(value))


TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?")
"""A time as the record of the machine has it: day, hour to second, fractions of a second."""


def _of_head(head: SplitHead, key: str, texts: Texts) -> str:
    """What a split's head says, its codes in words."""
    value = str(getattr(head, key))
    return texts.name(CODES[key], value) if key in CODES else value


CODES = {"kind": "split_kinds", "by": "split_by", "leakage": "leakage"}
"""Facts of a split's head that are codes, and the texts that name them."""

HEAD = ("kind", "by", "seed", "leakage", "data_fingerprint", "groups_fingerprint")
"""What a split's head says of itself, in this order."""

"""The picture readers look at first: methods with their intervals beside simple rivals, one panel a protocol."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from leukolab.report import chosen
from leukolab.report.figures.palette import MUTED
from leukolab.report.figures.scores import Reference, ScoreRow, comparison
from leukolab.report.items import Drawing
from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.tables.subtypes import Method, method_of, method_rows, methods
from leukolab.report.texts import Texts
from leukolab.results.members import EQUAL, Member


def headline(run: Run, names: Names, texts: Texts) -> Drawing:
    """The headline comparison, wide and for phones."""
    metric = chosen.primary(run)
    rows_of = ensemble_rows if run.mixes else reading_rows
    panels = {name: rows_of(run, names, texts, name, metric) for name in run.protocols}
    panels = {name: rows for name, rows in panels.items() if rows}
    titled = {names.protocol_panel(name): rows for name, rows in panels.items()}
    label = texts.name("metrics", metric)
    lines = {names.protocol_panel(name): line for name in panels if (line := paper_line(run, texts, name, MUTED))}
    caption = texts("headline.dots" if run.mixes else "headline.ranges")
    if run.mixes and run.of_kind("pooled"):
        caption = f"{texts('headline.together')} {caption}"
    words = texts.group("legend")
    if not run.mixes:
        words |= {"interval": words["range"], "dots": words["splits"]}
    return Drawing(
        "headline",
        lambda: comparison(titled, label, lines, words),
        narrow=lambda: comparison(titled, label, lines, words, narrow=True),
        values={"metric": label, "marks": caption, "shortcut": run.shortcut, "unit": chosen.unit_of(run)},
        least_px=0,
    )


def paper_line(run: Run, texts: Texts, protocol: str, *colour: str) -> Reference | None:
    """The paper's test accuracy, in the panel of what reproduces it, on the paper's own data, where that is shown."""
    paper = run.spec.published_here
    if paper is None or not run.reproduces(protocol) or chosen.primary(run) != "accuracy":
        return None
    return Reference(paper.test_accuracy, texts("headline.paper", value=paper.test_accuracy), *colour)


def reading_rows(run: Run, names: Names, texts: Texts, protocol: str, metric: str) -> list[ScoreRow]:
    """Readings and rivals with a dot per split; with their summary and its interval where the run has one."""
    table = method_rows(run, protocol, metric)
    summaries = _summaries(run, protocol, metric)
    rows = []
    for method in methods(run):
        own = table[table["method"] == method]
        label, kind = method.label(names), "rival" if method.rival else "model"
        if len(own) == 1:
            rows.append(ScoreRow(label, kind, *_interval(own.iloc[0].to_dict())))
        elif len(own):
            value, low, high = summaries.get(method, (float("nan"),) * 3)
            rows.append(ScoreRow(label, kind, value, low, high, tuple(own["value"].astype(float))))
    return rows


def _summaries(run: Run, protocol: str, metric: str) -> dict[Method, tuple[float, float, float]]:
    """Summaries of methods over their outer parts, by method."""
    scores = chosen.part_scores(run, chosen.unit_of(run))
    rows = scores[(scores["protocol"] == protocol) & (scores["metric"] == metric) & (scores["kind"] == "summary")]
    return {method_of(run, run.members[str(row["member"])]): _interval(row) for row in rows.to_dict("records")}


def _interval(row: Mapping[Any, Any]) -> tuple[float, float, float]:
    return float(row["value"]), float(row["low"]), float(row["high"])


def ensemble_rows(run: Run, names: Names, texts: Texts, protocol: str, metric: str) -> list[ScoreRow]:
    """The member offered for use, single models, both scenarios, and the rivals.

    Of all outer parts together where they are pooled (then what each part chose comes first), else of the first one.
    """
    outer = chosen.first_outer(run, protocol)
    together = chosen.pooled_scores(run, protocol)
    if len(together):
        scores, ensembles = together[together["metric"] == metric], chosen.pooled_ensembles(run, protocol)
        rows = [ScoreRow(names(str(row["member"])), "chosen", *_interval(row)) for row in _of_kind(scores, "chosen")]
        models = texts("headline.rates", count=len(_of_kind(scores, "model")))
    else:
        scores, ensembles = _of_part(run, protocol, outer, metric), chosen.ensembles_of(run, protocol, outer)
        rows = _chosen_row(run, names, texts, scores)
        models = texts("headline.models", count=len(_of_kind(scores, "model")))
    rows += _scenario_rows(texts, scores, ensembles)
    dots = tuple(float(row["value"]) for row in _of_kind(scores, "model"))
    if dots:
        rows.append(ScoreRow(models, "model", dots=dots))
    rows += [ScoreRow(names(str(row["member"])), "rival", *_interval(row)) for row in _of_kind(scores, "rival")]
    return rows


def _of_kind(scores: pd.DataFrame, kind: str) -> list[dict[Hashable, Any]]:
    return scores[scores["kind"] == kind].to_dict("records")


def _of_part(run: Run, protocol: str, outer: int, metric: str) -> pd.DataFrame:
    """Test scores of one outer part, by subject where these are known."""
    scores = chosen.part_scores(run, chosen.unit_of(run))
    return scores[(scores["protocol"] == protocol) & (scores["metric"] == metric) & (scores["outer"] == outer)]


def _chosen_row(run: Run, names: Names, texts: Texts, scores: pd.DataFrame) -> list[ScoreRow]:
    """The tuning part's winner."""
    member = run.chosen.member
    found = scores[scores["member"] == member].to_dict("records")
    return [ScoreRow(texts("headline.chosen", member=names(member)), "chosen", *_interval(row)) for row in found[:1]]


def _scenario_rows(texts: Texts, scores: pd.DataFrame, ensembles: list[Member]) -> list[ScoreRow]:
    """One row per scenario, and one for equal weights: a dot per ensemble, or the interval where there is one only."""
    groups: dict[str, list[str]] = {}
    for one in ensembles:
        groups.setdefault(EQUAL if one.scheme == EQUAL else one.scenario, []).append(one.member)
    rows = []
    for scenario, members in groups.items():
        here = scores[scores["member"].isin(members)]
        name = texts.name("scenarios", scenario)
        if len(here) == 1:
            rows.append(ScoreRow(name, "ensemble", *_interval(here.iloc[0].to_dict())))
        elif len(here):
            label = texts("headline.scenario", name=name, count=len(here))
            rows.append(ScoreRow(label, "ensemble", dots=tuple(here["value"].astype(float))))
    return rows


def member_rows(run: Run, names: Names, protocol: str, outer: int, metric: str) -> list[ScoreRow]:
    """Every member of one outer part with its interval: models, ensembles, rivals."""
    scores = _of_part(run, protocol, outer, metric)
    offered = scores["member"] == run.chosen.member
    order = {"model": 0, "ensemble": 1, "rival": 2}
    return _sorted_rows(scores, names, order, offered, {})


def pooled_rows(run: Run, names: Names, protocol: str, metric: str) -> list[ScoreRow]:
    """Every member over all outer parts together with its interval, what each part chose first."""
    scores = chosen.pooled_scores(run, protocol)
    scores = scores[scores["metric"] == metric]
    order = {"chosen": 0, "model": 1, "ensemble": 2, "rival": 3}
    return _sorted_rows(scores, names, order, scores["kind"] == "chosen", _of_parts(run, names.texts, protocol))


def _of_parts(run: Run, texts: Texts, protocol: str) -> dict[str, str]:
    """What is added to the name of a pooled member that not all of these outer parts have."""
    counts = {one.member: chosen.parts_of(run, one) for one in run.of_kind("pooled", protocol=protocol)}
    total = max(counts.values(), default=0)
    few = {name: count for name, count in counts.items() if count < total}
    return {name: " " + texts("names.of_parts", parts=count, count=total) for name, count in few.items()}


def _sorted_rows(
    scores: pd.DataFrame, names: Names, order: dict[str, int], star: pd.Series, notes: Mapping[str, str]
) -> list[ScoreRow]:
    """A row a member, by kind; those of `star` are marked as chosen; `notes` stand behind names."""
    scores = scores.assign(shown=scores["kind"].where(~star, "chosen"))
    scores = scores[scores["kind"].isin(order)].sort_values("kind", key=lambda c: c.map(order), kind="stable")
    return [
        ScoreRow(
            names(str(row["member"])) + notes.get(str(row["member"]), ""),
            str(row["shown"]),
            *_interval(row),
        )
        for row in scores.to_dict("records")
        if np.isfinite(float(row["value"]))
    ]

"""Tables of the ensemble study: Table 3.2, Table 3.3, hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leukolab.report import chosen
from leukolab.report.hypotheses import in_words
from leukolab.report.items import Form, Sheet
from leukolab.report.names import Names, rate_text
from leukolab.report.run import Run
from leukolab.report.tables.common import DIFFERENCE, columns_of, labelled, metric_columns
from leukolab.report.texts import Texts
from leukolab.results.members import Member

SHOWN = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "kappa", "auc")
"""Metrics of Table 3.2 and Table 3.3."""


def fold_scores(run: Run, protocol: str) -> pd.DataFrame:
    """Test scores by image of every fold model of one protocol: outer, learning_rate, fold, metrics."""
    scores = chosen.part_scores(run)
    scores = scores[(scores["protocol"] == protocol) & scores["member"].isin(run.jobs["job"])]
    table = chosen.wide(scores).drop(columns=["protocol", "outer", "kind"])
    jobs = run.jobs[["job", "outer", "learning_rate", "fold"]]
    joined = jobs.merge(table, left_on="job", right_on="member").drop(columns="member")
    return joined.sort_values(["outer", "learning_rate", "fold"], ascending=[True, False, True], ignore_index=True)


def folds_sheet(run: Run, texts: Texts, protocol: str, suffix: str) -> Sheet:
    """Scores by fold with the mean and deviation of each learning rate (Table 3.2)."""
    table = fold_scores(run, protocol)
    metrics = [name for name in SHOWN if name in table.columns]
    table = table[["outer", "learning_rate", "fold", *metrics]]
    parts = []
    for (outer, rate), rows in table.groupby(["outer", "learning_rate"], sort=False):
        shown = rows.assign(fold=rows["fold"].astype(int).astype(str))
        mean = {"outer": outer, "learning_rate": rate, "fold": texts("table.mean"), **rows[metrics].mean()}
        deviation = {"outer": outer, "learning_rate": rate, "fold": texts("table.deviation"), **rows[metrics].std()}
        parts.append(pd.concat([shown, pd.DataFrame([mean, deviation])], ignore_index=True))
    page = pd.concat(parts, ignore_index=True)
    strong = frozenset(page.index[page["fold"] == texts("table.mean")])
    keys = columns_of(texts, ("outer", "count"), ("learning_rate", "rate"), ("fold", "text"))
    return Sheet("fold_scores", page, keys + metric_columns(texts, metrics), suffix=suffix, strong=strong)


def ensembles_sheet(run: Run, names: Names, texts: Texts, protocol: str, suffix: str) -> Sheet | None:
    """The ensembles with the weights of their members and their test scores (Table 3.3)."""
    ensembles = run.of_kind("ensemble", protocol=protocol)
    if not ensembles:
        return None
    table = _sources(ensembles)
    scores = chosen.wide(chosen.part_scores(run)).drop(columns=["outer", "kind", "protocol"])
    metrics = [name for name in SHOWN if name in scores.columns]
    rows = [
        {"outer": one.outer, "ensemble": one.member, "member": names(one.member), "weights": _weights(one, run, texts)}
        for one in ensembles
    ]
    shown = pd.DataFrame(rows).merge(
        scores[["member", *metrics]].rename(columns={"member": "ensemble"}), on="ensemble", how="left"
    )
    keys = columns_of(texts, ("outer", "count"), ("member", "text"), ("weights", "text"))
    columns = keys + metric_columns(texts, metrics)
    return Sheet("ensembles", table, columns, shown=shown, suffix=suffix)


def _sources(ensembles: Sequence[Member]) -> pd.DataFrame:
    """One row per ensemble and source: its facts, the source, the score that was measured, the weight."""
    facts = ("protocol", "outer", "scenario", "scheme", "learning_rate")
    rows = [
        {"ensemble": one.member, **{name: getattr(one, name) for name in facts}}
        | {"source": source, "score": score, "weight": weight}
        for one in ensembles
        for source, score, weight in zip(one.sources, one.measured, one.weights, strict=True)
    ]
    return pd.DataFrame(rows)


def _weights(ensemble: Member, run: Run, texts: Texts) -> str:
    """Weights of an ensemble's sources in words, and its notes."""
    sources = [run.members[name] for name in ensemble.sources]
    several = len({source.learning_rate for source in sources}) > 1
    words = []
    for source, weight in zip(sources, ensemble.weights, strict=True):
        words.append(f"{_source(source, several, texts)}: {texts.number(weight)}".replace(" ", "\u00a0"))
    return " · ".join([*words, *(texts.finding(note) for note in ensemble.notes)])


def _source(source: Member, several: bool, texts: Texts) -> str:
    """A source by what tells it from the others: its learning rate or its fold."""
    if several:
        return rate_text(source.learning_rate or 0.0, texts)
    return texts("names.fold", fold=source.fold)


def hypotheses_sheet(run: Run, texts: Texts) -> Sheet | None:
    """H1 to H4: differences, intervals, p-values, sentences."""
    table = in_words(run.hypotheses, texts)
    if table.empty:
        return None
    places: tuple[tuple[str, Form], ...] = ()
    shown, strong = table, frozenset[int]()
    if len(run.jobs[["protocol", "outer"]].drop_duplicates()) > 1:
        outers = table["outer"].astype(str).replace("0", texts("names.together"))
        shown = table.assign(protocol=table["protocol"].map(lambda name: texts.name("protocols", name)), outer=outers)
        strong = frozenset(table.index[table["outer"] == 0])
        places = (("protocol", "text"), ("outer", "text"))
    columns = columns_of(
        texts,
        *places,
        ("hypothesis", "text"),
        ("comparison", "text"),
        *DIFFERENCE,
    )
    metric = texts.name("metrics", chosen.primary(run))
    return Sheet("hypotheses", table, columns, shown=shown, strong=strong, values={"metric": metric})


def units_sheet(run: Run, names: Names, texts: Texts) -> Sheet | None:
    """The primary metric by image and by subject side by side."""
    metric = chosen.primary(run)
    scores = run.scores
    rows = scores[(scores["role"] == "test") & (scores["metric"] == metric) & (scores["kind"] != "summary")]
    if rows["unit"].nunique() < 2:
        return None
    keys = ["protocol", "outer", "member"]
    frame = rows.pivot_table(index=keys, columns="unit", values="value", aggfunc="first", sort=False)
    frame = frame.reset_index().rename_axis(columns=None)
    shown = labelled(frame, names, texts)
    columns = columns_of(
        texts, ("protocol", "text"), ("outer", "text"), ("member", "text"), ("image", "score"), ("subject", "score")
    )
    return Sheet("units", frame, columns, shown=shown, values={"metric": texts.name("metrics", metric)})

"""Which rows of the run's tables a figure or table shows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukolab.report.run import Run
from leukolab.results.calls import probabilities
from leukolab.results.members import ALL_PARTS, BEST_ENSEMBLE, Member
from leukolab.stats import METRICS


def part_scores(run: Run, unit: str = "image", role: str = "test") -> pd.DataFrame:
    """Scores of `role` by `unit`, long form, with the facts of their members."""
    scores = run.scores
    return scores[(scores["role"] == role) & (scores["unit"] == unit)]


def unit_of(run: Run) -> str:
    """What figures count alike: subjects where they are known, else images."""
    return "subject" if (run.scores["unit"] == "subject").any() else "image"


def metrics_of(scores: pd.DataFrame) -> list[str]:
    """The metrics there are, in the order of `stats.METRICS`."""
    found = set(scores["metric"].astype(str))
    return [name for name in METRICS if name in found]


SAME = {2: ("recall",)}
"""Number of classes to metrics that repeat another one: the positive class's recall is sensitivity."""
SAME_OF_MORE = ("recall", "f1")
"""With more classes recall is balanced accuracy, and F1 the macro F1."""


def each_once(metrics: list[str], classes: int) -> list[str]:
    """Metrics without those that repeat another one under a second name."""
    return [name for name in metrics if name not in SAME.get(classes, SAME_OF_MORE)]


def wide(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per member, one column per metric, in the order of first appearance."""
    keys = ["protocol", "outer", "kind", "member"]
    table = scores.pivot_table(index=keys, columns="metric", values="value", aggfunc="first", sort=False)
    return table.reindex(columns=metrics_of(scores)).reset_index().rename_axis(columns=None)


def primary(run: Run) -> str:
    """The metric of the headline: the study's primary one, or the first there is."""
    found = metrics_of(part_scores(run))
    wanted = run.spec.report.primary
    return wanted if wanted in found or not found else found[0]


def value_of(scores: pd.DataFrame, member: str, metric: str) -> float:
    """The value of one score, NaN where there is none."""
    rows = scores[(scores["member"] == member) & (scores["metric"] == metric)]["value"]
    return float(rows.iloc[0]) if len(rows) else float("nan")


def first_jobs(run: Run) -> pd.DataFrame:
    """One job per protocol and reading: the first outer part, the first fold. The one whose details are shown."""
    jobs = run.jobs.sort_values(["outer", "learning_rate", "fold"], kind="stable")
    jobs = jobs.drop_duplicates(["protocol", "reading"])
    order = {name: number for number, name in enumerate([*run.protocols, *readings(run)])}
    return jobs.sort_values(["protocol", "reading"], key=lambda column: column.map(order), kind="stable")


def readings(run: Run) -> list[str]:
    """Readings in the order of the run's jobs."""
    return list(dict.fromkeys(run.jobs["reading"].astype(str)))


def first_outer(run: Run, protocol: str) -> int:
    """The first outer part of `protocol`."""
    return int(run.jobs[run.jobs["protocol"] == protocol]["outer"].min())


def champions(run: Run, protocol: str, outer: int) -> list[str]:
    """Models that stand for their learning rate: the sources of the Intra-LR ensembles."""
    intra = [one for one in ensembles_of(run, protocol, outer) if one.scenario == "intra_lr"]
    return list(dict.fromkeys(name for one in intra for name in one.sources))


def ensembles_of(run: Run, protocol: str, outer: int) -> list[Member]:
    """The ensembles of one outer part, the rivals of the weighted ones among them."""
    return run.of_kind("ensemble", protocol=protocol, outer=outer)


def pooled_scores(run: Run, protocol: str) -> pd.DataFrame:
    """Test scores over all outer parts together, by subject where these are known; `kind` is what stands for them."""
    scores = part_scores(run, unit_of(run))
    scores = scores[(scores["protocol"] == protocol) & (scores["kind"] == "pooled")]
    return scores.assign(kind=scores["pools"])


def pooled_ensembles(run: Run, protocol: str) -> list[Member]:
    """Pooled ensembles that are the same in every outer part."""
    pooled = run.of_kind("pooled", protocol=protocol)
    return [one for one in pooled if one.pools == "ensemble" and one.method != BEST_ENSEMBLE]


def parts_of(run: Run, pooled: Member) -> int:
    """How many outer parts a pooled member is made of."""
    return len({run.members[name].outer for name in pooled.sources})


def answered(run: Run) -> pd.DataFrame:
    """The hypotheses that answer the question: of each protocol on all outer parts together, else on each part."""
    table = run.hypotheses
    together = table["outer"] == ALL_PARTS
    return table[together | ~table["protocol"].isin(table.loc[together, "protocol"])]


def steps(history: pd.DataFrame) -> pd.DataFrame:
    """A job's epochs counted through all its stages, as column `step` from 1."""
    ordered = history.reset_index(drop=True)
    return ordered.assign(step=np.arange(1, len(ordered) + 1))


def wrong_calls(run: Run) -> pd.DataFrame:
    """Test predictions of the member offered for use that are wrong: image_id, label, called, and p (of the call)."""
    table = run.predictions
    table = table[(table["role"] == "test") & (table["member"] == run.chosen.member)]
    table = table[table["label"] != table["called"]]
    p_nk = probabilities(table)
    return table[["image_id", "label", "called"]].assign(p=p_nk[np.arange(len(table)), table["called"].to_numpy(int)])

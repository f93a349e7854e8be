"""Which rows of the run's tables a figure or table shows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukolab.report.run import Run
from leukolab.results import wen_mix
from leukolab.stats import calls

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "sensitivity",
    "specificity",
    "f1",
    "f1_macro",
    "f1_weighted",
    "kappa",
    "mcc",
    "auc",
    "ap",
    "log_loss",
    "brier",
)
"""Metrics in the order a table shows them; others follow by name."""


PICKED = ("chosen", "best_ensemble")
"""Last words of the names of pooled members that each outer part picked anew."""


def part_scores(run: Run, unit: str = "image", role: str = "test") -> pd.DataFrame:
    """Scores of `role` by `unit`, long form."""
    scores: pd.DataFrame = run.scores
    return scores[(scores["role"] == role) & (scores["unit"] == unit)]


def metrics_of(scores: pd.DataFrame) -> list[str]:
    """The metrics there are, in the order of METRICS."""
    found = set(scores["metric"].astype(str))
    return [name for name in METRICS if name in found] + sorted(found - set(METRICS))


def wide(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a member, one column a metric, in the order of first appearance."""
    if scores.empty:
        return pd.DataFrame(columns=["protocol", "outer", "kind", "member"])
    keys = ["protocol", "outer", "kind", "member"]
    table = scores.pivot_table(index=keys, columns="metric", values="value", aggfunc="first", sort=False)
    return table.reindex(columns=metrics_of(scores)).reset_index().rename_axis(columns=None)


def primary(run: Run) -> str:
    """The metric of the headline: the study's primary one, or the first there is."""
    found = metrics_of(part_scores(run))
    wanted = "balanced_accuracy" if run.kind == "wen" else "accuracy"
    return wanted if wanted in found or not found else found[0]


def value_of(scores: pd.DataFrame, member: str, metric: str) -> float:
    """The value of one score, NaN where there is none."""
    rows = scores[(scores["member"] == member) & (scores["metric"] == metric)]["value"]
    return float(rows.iloc[0]) if len(rows) else float("nan")


def first_jobs(run: Run) -> pd.DataFrame:
    """One job a protocol and reading: the first outer part, the first fold. The one whose details are shown."""
    jobs: pd.DataFrame = run.jobs.sort_values(["outer", "learning_rate", "fold"], kind="stable")
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
    """Jobs that stand for their learning rate: the members of the Intra-LR ensembles."""
    rows: pd.DataFrame = run.ensembles
    rows = rows[(rows["protocol"] == protocol) & (rows["outer"] == outer) & (rows["scenario"] == "intra_lr")]
    return list(dict.fromkeys(rows["job"].astype(str)))


def ensembles_of(run: Run, protocol: str, outer: int) -> pd.DataFrame:
    """One row an ensemble: ensemble, scenario, scheme."""
    rows: pd.DataFrame = run.ensembles
    rows = rows[(rows["protocol"] == protocol) & (rows["outer"] == outer)]
    return rows.drop_duplicates("ensemble")[["ensemble", "scenario", "scheme"]]


def pooled_scores(run: Run, protocol: str, unit: str = "image") -> pd.DataFrame:
    """Test scores by `unit` of the members over all outer parts together, with the kind of what stands for them."""
    kinds = run.pooled.drop_duplicates("member").set_index("member")["kind"]
    scores = part_scores(run, unit)
    scores = scores[(scores["protocol"] == protocol) & (scores["kind"] == "pooled")]
    return scores.assign(kind=scores["member"].map(kinds))


def pooled_ensembles(run: Run, protocol: str) -> pd.DataFrame:
    """One row a pooled ensemble of one name in every outer part: ensemble, scenario, scheme."""
    table: pd.DataFrame = run.pooled
    table = table[(table["protocol"] == protocol) & (table["kind"] == "ensemble")]
    rows = table.merge(run.ensembles.drop_duplicates("ensemble"), left_on="source", right_on="ensemble")
    rows = rows[~rows["member"].map(is_picked)].drop_duplicates("member")
    return rows[["member", "scenario", "scheme"]].rename(columns={"member": "ensemble"})


def answered(run: Run) -> pd.DataFrame:
    """The hypotheses that answer the question: of each protocol on all outer parts together, else on each part."""
    table: pd.DataFrame = run.hypotheses
    if "outer" not in table:
        return table
    together = table["outer"] == 0
    return table[together | ~table["protocol"].isin(table.loc[together, "protocol"])]


def is_picked(member: str) -> bool:
    """Whether a pooled member is what each outer part picked, so another ensemble or model in each."""
    return member.rpartition("/")[2] in PICKED


def weighted(ensembles: pd.DataFrame) -> pd.DataFrame:
    """Only the Weighted Ensembles of Networks: neither equal weights nor the single model beside them."""
    return ensembles[~ensembles["scheme"].isin(["equal", "single"])]


def steps(history: pd.DataFrame) -> pd.DataFrame:
    """A job's epochs counted through all its stages, as column `step` from 1."""
    ordered = history.reset_index(drop=True)
    return ordered.assign(step=np.arange(1, len(ordered) + 1))


def chosen_predictions(run: Run) -> pd.DataFrame:
    """Test predictions of the member offered for use, mixed from its jobs where it is an ensemble.

    Returns:
        image_id, label, called, and p_0 ... p_{k-1}; empty where nothing was chosen.
    """
    table: pd.DataFrame = run.predictions
    table = table[table["role"] == "test"]
    probabilities = [column for column in table.columns if str(column).startswith("p_")]
    member, jobs, weights = _members(run)
    if member in set(table["job"]):
        mixed = table[table["job"] == member]
    elif jobs and set(jobs) <= set(table["job"]):
        mixed = _mixed(table, jobs, weights, probabilities)
    else:
        return pd.DataFrame(columns=["image_id", "label", "called", *probabilities])
    return mixed.assign(called=calls(mixed[probabilities].to_numpy(float)))


def _members(run: Run) -> tuple[str, list[str], list[float]]:
    chosen = run.chosen
    jobs = [str(job) for job in chosen.get("jobs", [])]
    weights = [float(weight) for weight in chosen.get("weights", [1.0] * len(jobs))]
    return str(chosen.get("member", "")), jobs, weights


def _mixed(table: pd.DataFrame, jobs: list[str], weights: list[float], columns: list[str]) -> pd.DataFrame:
    """The weighted mean of the jobs' probabilities, image by image, over images all of them have seen."""
    rows = table[table["job"].isin(jobs)].sort_values(["job", "image_id"])
    seen = rows.groupby("image_id")["job"].transform("size") == len(jobs)
    parts = {str(job): part for job, part in rows[seen].groupby("job")}
    first = parts[jobs[0]][["image_id", "label"]].reset_index(drop=True)
    mixed = wen_mix(np.stack([parts[job][columns].to_numpy(float) for job in jobs]), np.asarray(weights))
    return first.join(pd.DataFrame(mixed, columns=columns))

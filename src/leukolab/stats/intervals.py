"""The bootstrap over identity groups, and tables of scores with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from leukolab.base.findings import Finding, findings_to_text
from leukolab.base.streams import stream
from leukolab.stats.classes import Array, check_predictions
from leukolab.stats.draws import Draws, as_they_are
from leukolab.stats.metrics import METRICS

LEVEL = 0.95
"""Share of replicates inside an interval."""


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of one set of images; shared by every member scored on it, which makes differences paired."""

    codes_n: Array = field(repr=False)
    """int64 (n,), number of each image's group."""
    times_rg: Array = field(repr=False)
    """float64 (r, g), how often each group was drawn."""
    findings: tuple[Finding, ...]
    """How intervals are made, and what is amiss."""

    def draws(self, y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> Draws:
        """Predictions (n, k) for labels (n,) and weights (n,), 1 each where None, in these replicates."""
        once = as_they_are(y_true, y_prob, sample_weight)
        return replace(once, codes_n=self.codes_n, times_rg=self.times_rg)

    @property
    def once(self) -> Bootstrap:
        """The replicate alone that draws every group once."""
        return replace(self, times_rg=np.ones((1, self.times_rg.shape[1])))


def make_bootstrap(y_true: Array, groups: Array, replicates: int, seed: int, subjects_known: bool = True) -> Bootstrap:
    """Draw identity groups with replacement, within each class of groups (the majority's).

    Args:
        y_true: int (n,), class of each image. groups: names or numbers of groups (n,).
        subjects_known: whether groups stand for people; where not, the findings say so.

    Source: Efron and Tibshirani 1993, chapter 8 (units), chapter 13 (percentiles).
    """
    names, codes_n = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    counts_gk = np.zeros((len(names), int(np.max(y_true)) + 1))
    np.add.at(counts_gk, (codes_n, np.asarray(y_true)), 1)
    classes_g = counts_gk.argmax(axis=1)
    rng = stream(seed, "bootstrap")
    times_rg = np.zeros((replicates, len(names)))
    for label in np.unique(classes_g):
        own = np.flatnonzero(classes_g == label)
        times_rg[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=replicates)
    fewest = int(np.bincount(classes_g)[np.unique(classes_g)].min())
    return Bootstrap(codes_n, times_rg, describe_interval(len(names), fewest, replicates, subjects_known))


def score_table(
    y_true: Array, y_prob: Array, sample_weight: Array | None, unit: str, bootstrap: Bootstrap
) -> pd.DataFrame:
    """Every metric with its 95 % percentile interval.

    Args:
        y_true: int (n,). y_prob: float (n, k). sample_weight: float (n,), of that unit; 1 each where None.
        unit: `image` or `subject`, for the table.

    Returns:
        metric, unit, value, low, high, interval (see `describe_interval`); one row per metric; NaN where a metric or
        interval does not exist.

    Raises:
        DataError: the predictions cannot be scored.
    """
    return mean_score_table(y_true, [y_prob], sample_weight, unit, bootstrap)


def mean_score_table(
    y_true: Array, y_probs: Sequence[Array], sample_weight: Array | None, unit: str, bootstrap: Bootstrap
) -> pd.DataFrame:
    """`score_table` of the mean score of several models on the same images, each replicate shared by all of them.

    Args:
        y_probs: float64 (n, k) of each model.
    """
    values, draws = [], []
    for y_prob in y_probs:
        check_predictions(y_true, y_prob)
        values.append(scores(y_true, y_prob, sample_weight))
        draws.append(metric_draws(y_true, y_prob, sample_weight, bootstrap))
    interval = findings_to_text(bootstrap.findings)
    rows = []
    for name in values[0]:
        value = float(np.mean([found[name] for found in values]))
        low, high = percentiles(np.mean([found[name] for found in draws], axis=0))
        row = {"metric": name, "unit": unit, "value": value, "low": low, "high": high, "interval": interval}
        rows.append(row)
    return pd.DataFrame(rows)


def scores(y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> dict[str, float]:
    """Every metric by name, of the images as they are: a replicate that draws everything once."""
    once = as_they_are(y_true, y_prob, sample_weight)
    return {name: float(metric.function(once)[0]) for name, metric in METRICS.items()}


def metric_draws(y_true: Array, y_prob: Array, sample_weight: Array | None, bootstrap: Bootstrap) -> dict[str, Array]:
    """Every metric for every replicate: name to float64 (r,), in the order of `METRICS`."""
    draws = bootstrap.draws(y_true, y_prob, sample_weight)
    return {name: metric.function(draws) for name, metric in METRICS.items()}


def percentiles(draws_r: Array) -> tuple[float, float]:
    """Low and high end of the 95 % percentile interval; NaN where half of the replicates have no value."""
    finite = draws_r[np.isfinite(draws_r)]
    if len(finite) * 2 < len(draws_r):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def describe_interval(groups: int, fewest: int, replicates: int, subjects_known: bool) -> tuple[Finding, ...]:
    """How an interval was made, as findings `interval.*`; the column `interval` of tables holds them as text.

    Args:
        groups: how many were drawn from. fewest: groups in the class that has the fewest.
    """
    if subjects_known:
        made = Finding("interval.groups", "info", {"groups": groups, "replicates": replicates})
    else:
        made = Finding("interval.images", "warning", {"replicates": replicates})
    return (made, Finding("interval.one_group", "warning")) if fewest == 1 else (made,)

"""The bootstrap over identity groups, and tables of scores with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from leukolab.base.streams import stream
from leukolab.stats.draws import confusion_draws, confusion_metrics, loss_draws, ranking_draws
from leukolab.stats.metrics import METRICS, Array, check_predictions

LEVEL = 0.95
"""Share of replicates inside an interval."""


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of one set of images; shared by every member scored on it, which makes differences paired."""

    codes_n: Array = field(repr=False)
    """int64 (n,), number of each image's group."""
    times_rg: Array = field(repr=False)
    """float64 (r, g), how often each group was drawn."""
    method: str
    """How intervals were made, in words."""


def make_bootstrap(
    labels_n: Array, groups_n: Array, replicates: int, seed: int, subjects_known: bool = True
) -> Bootstrap:
    """Draw identity groups with replacement, within each class of groups (the majority's).

    Args:
        labels_n: int (n,), class of each image. groups_n: names or numbers of groups (n,).
        subjects_known: whether groups stand for people; where not, the method says so.

    Source: Efron and Tibshirani 1993, chapter 8 (units), chapter 13 (percentiles).
    """
    names, codes_n = np.unique(np.asarray(groups_n).astype(str), return_inverse=True)
    counts_gk = np.zeros((len(names), int(np.max(labels_n)) + 1))
    np.add.at(counts_gk, (codes_n, np.asarray(labels_n)), 1)
    classes_g = counts_gk.argmax(axis=1)
    rng = stream(seed, "bootstrap")
    times_rg = np.zeros((replicates, len(names)))
    for label in np.unique(classes_g):
        own = np.flatnonzero(classes_g == label)
        times_rg[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=replicates)
    fewest = int(np.bincount(classes_g)[np.unique(classes_g)].min())
    return Bootstrap(codes_n, times_rg, _method(len(names), fewest, replicates, subjects_known))


def score_table(probs_nk: Array, labels_n: Array, weights_n: Array, unit: str, bootstrap: Bootstrap) -> pd.DataFrame:
    """Every metric with its 95 % percentile interval.

    Args:
        probs_nk: float (n, k). labels_n: int (n,). weights_n: float (n,), of that unit.
        unit: `image` or `subject`, for the table.

    Returns:
        metric, unit, value, low, high, method; one row a metric; NaN where a metric or interval does not exist.

    Raises:
        DataError: the predictions cannot be scored.
    """
    return mean_score_table([probs_nk], labels_n, weights_n, unit, bootstrap)


def mean_score_table(
    members: Sequence[Array], labels_n: Array, weights_n: Array, unit: str, bootstrap: Bootstrap
) -> pd.DataFrame:
    """`score_table` of the mean score of several models on the same images, each replicate shared by all of them.

    Args:
        members: float64 (n, k) of each model.
    """
    values, draws = [], []
    for probs_nk in members:
        check_predictions(probs_nk, labels_n)
        values.append(scores(probs_nk, labels_n, weights_n))
        draws.append(metric_draws(probs_nk, labels_n, weights_n, bootstrap))
    rows = []
    for name in values[0]:
        value = float(np.mean([found[name] for found in values]))
        low, high = percentiles(np.mean([found[name] for found in draws], axis=0))
        row = {"metric": name, "unit": unit, "value": value, "low": low, "high": high, "method": bootstrap.method}
        rows.append(row)
    return pd.DataFrame(rows)


def scores(probs_nk: Array, labels_n: Array, weights_n: Array) -> dict[str, float]:
    """Every metric by name, of the images as they are: a replicate that draws everything once."""
    once = Bootstrap(np.zeros(len(labels_n), np.int64), np.ones((1, 1)), "")
    return {name: float(draws_r[0]) for name, draws_r in metric_draws(probs_nk, labels_n, weights_n, once).items()}


def metric_draws(probs_nk: Array, labels_n: Array, weights_n: Array, bootstrap: Bootstrap) -> dict[str, Array]:
    """Every metric for every replicate: name to float64 (r,), in the order of `METRICS`."""
    given = (np.asarray(probs_nk, dtype=np.float64), labels_n, weights_n, bootstrap.codes_n, bootstrap.times_rg)
    draws = confusion_metrics(confusion_draws(*given)) | loss_draws(*given) | ranking_draws(*given)
    return {name: draws[name] for name in METRICS}


def percentiles(draws_r: Array) -> tuple[float, float]:
    """Low and high end of the 95 % percentile interval; NaN where half of the replicates have no value."""
    finite = draws_r[np.isfinite(draws_r)]
    if len(finite) * 2 < len(draws_r):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _method(groups: int, fewest: int, replicates: int, subjects_known: bool) -> str:
    what = f"{groups} identity groups" if subjects_known else "images (no subjects known)"
    single = "; a class has one group only, so the interval is too narrow" if fewest == 1 else ""
    return f"bootstrap over {what}, stratified by class, {replicates} replicates, percentiles{single}"

"""Tables of scores with 95 % intervals over identity groups: the Bayesian bootstrap with an extra subject at each end.

Each replicate weighs every group by a draw of Exp(1) (Rubin 1981). Each class gets one more subject, of weight
Gamma(lambda) times the mean weight of the class's groups: for the low end all its images are called wrong, for the high
end all right. The interval goes from the 2.5 % quantile of the one to the 97.5 % quantile of the other. For one mean
with lambda 1 this is Gaffke's bound; classes are combined by melding. Lambda is under 1 where simulation allows it
(`EXTRA`, `EXTRA_RANKED`), and 1 in a class of one subject.

Sources: Gaffke 2005; Learned-Miller and Thomas 2019 (arXiv 1905.06208); Fay, Proschan and Brittain 2015; Rubin 1981.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from leukolab.base.findings import Finding, findings_to_text
from leukolab.base.streams import stream
from leukolab.stats.classes import Array, check_predictions
from leukolab.stats.draws import Draws, as_they_are
from leukolab.stats.metrics import METRICS
from leukolab.stats.weights import effective_subjects

EARLIER = ("interval.groups", "interval.images", "interval.one_group")
"""Findings in run folders of earlier versions, whose percentile bootstrap was too narrow; they keep their words."""
LEVEL = 0.95
"""Share of the truth that intervals are to hold."""


@dataclass(frozen=True)
class Replicates:
    """Weights of the groups of one set of images; the same for every member, so differences are paired."""

    codes_n: Array = field(repr=False)
    """int64 (n,), number of each image's group."""
    count: int
    seed: int
    findings: tuple[Finding, ...]
    """How intervals are made, what is amiss, or why there are none."""
    judged: bool = True
    """Whether there are intervals at all."""

    @cached_property
    def times_rg(self) -> Array:
        """Weight of each group in each replicate, float64 (r, g)."""
        groups = int(self.codes_n.max()) + 1
        return stream(self.seed, "subjects").standard_exponential((self.count, groups))

    def draws(self, y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> Draws:
        """Predictions (n, k) for labels (n,) and weights (n,), 1 each where None, in these replicates."""
        once = as_they_are(y_true, y_prob, sample_weight)
        return replace(once, codes_n=self.codes_n, times_rg=self.times_rg)

    def ends(self, y_true: Array, y_prob: Array, sample_weight: Array | None, extra: float) -> tuple[Draws, Draws]:
        """The same with an extra subject in each class: wrong in the first, right in the second.

        Args:
            extra: shape of the gamma distribution of its weight; 1 in a class of one group.
        """
        plain = self.draws(y_true, y_prob, sample_weight)
        shapes_k = np.where((plain.sizes_gk > 0).sum(axis=0) == 1, 1.0, extra)
        rng = stream(self.seed, "extra subject", str(extra))
        wrong = replace(plain, extra_rk=rng.gamma(shapes_k, size=(self.count, len(shapes_k))))
        return wrong, replace(wrong, right=True)


def make_replicates(
    y_true: Array,
    groups: Array,
    replicates: int,
    seed: int,
    subjects_known: bool = True,
    why_none: Finding | None = None,
) -> Replicates:
    """Weights of identity groups, in replicates.

    Args:
        y_true: int (n,), class of each image. groups: names or numbers of groups (n,).
        subjects_known: whether groups stand for people; where not, there is no interval.
        why_none: why there is no interval for another reason; None where there is one.
    """
    codes_n = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    if not subjects_known:
        why_none = Finding("interval.unknown_subjects", "warning")
    findings = (why_none,) if why_none is not None else describe_interval(np.asarray(y_true), codes_n, replicates)
    return Replicates(codes_n, replicates, seed, findings, why_none is None)


def score_table(
    y_true: Array, y_prob: Array, sample_weight: Array | None, unit: str, replicates: Replicates
) -> pd.DataFrame:
    """Every metric with its 95 % interval.

    Args:
        y_true: int (n,). y_prob: float (n, k). sample_weight: float (n,), of that unit; 1 each where None.
        unit: `image` or `subject`: what `sample_weight` weighs alike.

    Returns:
        metric, unit, value, low, high, interval (findings `interval.*` as text); one row per metric; NaN where a
        metric or interval does not exist.

    Raises:
        DataError: the predictions cannot be scored.
    """
    return mean_score_table(y_true, [y_prob], sample_weight, unit, replicates)


def mean_score_table(
    y_true: Array, y_probs: Sequence[Array], sample_weight: Array | None, unit: str, replicates: Replicates
) -> pd.DataFrame:
    """`score_table` of the mean score of several models on the same images, each replicate shared by all of them.

    Args:
        y_probs: float64 (n, k) of each model.
    """
    values, ends = [], []
    for y_prob in y_probs:
        check_predictions(y_true, y_prob)
        values.append(scores(y_true, y_prob, sample_weight))
        if replicates.judged:
            ends.append(metric_ends(y_true, y_prob, sample_weight, unit, replicates))
    made = findings_to_text([*replicates.findings, *_effective(y_true, sample_weight, unit, replicates)])
    rows = []
    for name in values[0]:
        value = float(np.mean([found[name] for found in values]))
        low, high = interval(np.mean([found[name] for found in ends], axis=0)) if ends else (np.nan, np.nan)
        low, high = np.clip([low, high], METRICS[name].lowest, METRICS[name].highest)
        rows.append({"metric": name, "unit": unit, "value": value, "low": low, "high": high, "interval": made})
    return pd.DataFrame(rows)


def scores(y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> dict[str, float]:
    """Every metric by name, of the images as they are: a replicate that draws everything once."""
    once = as_they_are(y_true, y_prob, sample_weight)
    return {name: float(metric.function(once)[0]) for name, metric in METRICS.items()}


def metric_ends(
    y_true: Array, y_prob: Array, sample_weight: Array | None, unit: str, replicates: Replicates
) -> dict[str, Array]:
    """Every metric at the low and high end of every replicate: name to float64 (2, r), in the order of `METRICS`."""
    made: dict[float, tuple[Draws, Draws]] = {}
    found = {}
    for name, metric in METRICS.items():
        extra = metric.extra[unit]
        if extra not in made:
            made[extra] = replicates.ends(y_true, y_prob, sample_weight, extra)
        wrong_right = np.stack([metric.function(draws) for draws in made[extra]])
        found[name] = wrong_right if metric.higher_is_better else wrong_right[::-1]
    return found


def interval(ends_2r: Array) -> tuple[float, float]:
    """Low end of the low draws and high end of the high draws, float64 (2, r); NaN where half have no value."""
    tail = (1 - LEVEL) / 2
    return _quantile(ends_2r[0], tail), _quantile(ends_2r[1], 1 - tail)


def _quantile(draws_r: Array, share: float) -> float:
    finite = draws_r[np.isfinite(draws_r)]
    return float(np.quantile(finite, share)) if len(finite) * 2 >= len(draws_r) else float("nan")


def describe_interval(y_true: Array, codes_n: Array, replicates: int) -> tuple[Finding, ...]:
    """How an interval is made, as findings `interval.*`; the column `interval` of tables holds them as text.

    Args:
        y_true: int (n,), class of each image. codes_n: int (n,), number of each image's group.
    """
    values = {"groups": len(np.unique(codes_n)), "replicates": replicates}
    made = Finding("interval.extra_subject", "info", values)
    fewest = min(len(np.unique(codes_n[y_true == label])) for label in np.unique(y_true))
    few = {1: "interval.one_subject", 2: "interval.two_subjects"}
    return (made, Finding(few[fewest], "warning")) if fewest in few else (made,)


def _effective(y_true: Array, sample_weight: Array | None, unit: str, replicates: Replicates) -> tuple[Finding, ...]:
    """By image, how many subjects of one size would weigh alike; nothing by subject."""
    if unit != "image" or not replicates.judged:
        return ()
    numbers = effective_subjects(y_true, replicates.codes_n, sample_weight)
    values: Mapping[str, object] = {"effective": [round(float(one), 1) for one in numbers]}
    return (Finding("interval.effective_subjects", "info", values),)

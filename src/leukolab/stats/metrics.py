"""Every metric as one function of `Draws`: its value in each replicate. A single value is the draw of everything once.

A metric is added by its function, its line in `METRICS`, and its label in the texts (`metrics.<name>`).
The contract tests hold each to scikit-learn.

Conventions, the same for all:
- two classes: class 1 is the positive one. Precision, recall and F1 speak of it; with more classes they are
  means over the classes that have images, each counted the same.
- a class without images has no recall (NaN where it is the one asked for); a class never called has precision
  and F1 of 0; AUC and AP without both sides are NaN; kappa and MCC where all are of one class and called so are 0.
- weights multiply images: an image of weight 2 counts as two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from leukolab.stats.classes import Array, divide, mean_where
from leukolab.stats.draws import Draws, as_they_are

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the log loss."""
WORST_LOG_LOSS = float(-np.log(0.01))
"""Log loss of an image called wrong with 0.99: what a subject never seen may lose, where none seen lost more."""
EXTRA = {"subject": 0.25, "image": 1.0}
"""Weight of the extra subject of each class by unit: the shape of its gamma distribution; see `stats/intervals.py`."""
EXTRA_RANKED = {"subject": 0.125, "image": 0.5}
"""The same for rankings, in which the extra subjects of two classes meet."""


@dataclass(frozen=True)
class Metric:
    """One metric and what it is made of."""

    name: str
    kind: str
    """`calls` (of called classes), `probabilities`, or `ranking`."""
    higher_is_better: bool
    function: Callable[[Draws], Array]
    """Draws -> value in each replicate, float64 (r,)."""
    lowest: float
    highest: float
    extra: Mapping[str, float] = field(default_factory=lambda: EXTRA)
    """Unit to the weight of the extra subjects at the ends of its interval."""

    def __call__(self, y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> float:
        """Value for labels (n,), probabilities (n, k) and weights (n,), 1 each where None."""
        return float(self.function(as_they_are(y_true, y_prob, sample_weight))[0])


def accuracy(draws: Draws) -> Array:
    """Share of images called right."""
    return np.asarray(draws.hits_rk.sum(axis=1) / draws.total_r)


def _recall_rk(draws: Draws) -> Array:
    return divide(draws.hits_rk, draws.true_rk, np.nan)


def _f1_rk(draws: Draws) -> Array:
    return divide(2 * draws.hits_rk, draws.true_rk + draws.called_rk, 0.0)


def balanced_accuracy(draws: Draws) -> Array:
    """Mean recall of the classes that have images."""
    return mean_where(_recall_rk(draws), draws.true_rk > 0)


def precision(draws: Draws) -> Array:
    """Share of what is called a class that is of it."""
    return draws.scheme.summary(divide(draws.hits_rk, draws.called_rk, 0.0), draws.true_rk > 0)


def recall(draws: Draws) -> Array:
    """Share of a class that is called so; sensitivity is another word for it."""
    return draws.scheme.summary(_recall_rk(draws), draws.true_rk > 0)


def specificity(draws: Draws) -> Array:
    """Share of the images of other classes that are not called this class."""
    negatives_rk = draws.total_r[:, None] - draws.true_rk
    values_rk = divide(negatives_rk - (draws.called_rk - draws.hits_rk), negatives_rk, np.nan)
    return draws.scheme.summary(values_rk, (draws.true_rk > 0) & (negatives_rk > 0))


def f1(draws: Draws) -> Array:
    """Harmonic mean of precision and recall."""
    return draws.scheme.summary(_f1_rk(draws), draws.true_rk > 0)


def f1_macro(draws: Draws) -> Array:
    """Mean F1 of the classes that have images."""
    return mean_where(_f1_rk(draws), draws.true_rk > 0)


def f1_weighted(draws: Draws) -> Array:
    """Mean F1 of the classes, each weighted by its images."""
    return np.asarray((_f1_rk(draws) * draws.true_rk).sum(axis=1) / draws.total_r)


def kappa(draws: Draws) -> Array:
    """Cohen's kappa: agreement beyond what chance gives.

    Source: Cohen 1960.
    """
    observed = draws.hits_rk.sum(axis=1) / draws.total_r
    expected = (draws.true_rk * draws.called_rk).sum(axis=1) / draws.total_r**2
    return divide(observed - expected, 1 - expected, 0.0)


def mcc(draws: Draws) -> Array:
    """Matthews correlation.

    Source: Gorodkin 2004, the correlation for k classes.
    """
    true_rk, called_rk, total_r = draws.true_rk, draws.called_rk, draws.total_r
    shared = draws.hits_rk.sum(axis=1) * total_r - (true_rk * called_rk).sum(axis=1)
    spread = (total_r**2 - (true_rk**2).sum(axis=1)) * (total_r**2 - (called_rk**2).sum(axis=1))
    return divide(shared, np.sqrt(np.maximum(spread, 0)), 0.0)


def log_loss(draws: Draws) -> Array:
    """Mean of minus the natural logarithm of the probability of each image's own class."""
    true_n = np.take_along_axis(draws.y_prob, draws.y_true[:, None], axis=1)[:, 0]
    losses_n = -np.log(np.clip(true_n, SMALLEST, 1 - SMALLEST))
    return draws.mean_loss(losses_n, WORST_LOG_LOSS, worst_seen=True)


def brier(draws: Draws) -> Array:
    """Mean squared error of the probabilities: of class 1 of two classes, summed over the classes of more.

    Source: Brier 1950 (the sum; half of it is the usual form for two classes).
    """
    errors_nk = draws.y_prob - np.eye(draws.scheme.count)[draws.y_true]
    return draws.mean_loss(draws.scheme.squared_errors(errors_nk), 1.0 if draws.scheme.count == 2 else 2.0)


def auc(draws: Draws) -> Array:
    """Area under the ROC curve of class 1, or the mean of each class against the rest."""
    return np.asarray(draws.ranking_2r[0])


def ap(draws: Draws) -> Array:
    """Average precision of class 1, or the mean of each class against the rest."""
    return np.asarray(draws.ranking_2r[1])


_ALL = (
    Metric("accuracy", "calls", True, accuracy, 0, 1),
    Metric("balanced_accuracy", "calls", True, balanced_accuracy, 0, 1),
    Metric("precision", "calls", True, precision, 0, 1),
    Metric("recall", "calls", True, recall, 0, 1),
    Metric("sensitivity", "calls", True, recall, 0, 1),
    Metric("specificity", "calls", True, specificity, 0, 1),
    Metric("f1", "calls", True, f1, 0, 1),
    Metric("f1_macro", "calls", True, f1_macro, 0, 1),
    Metric("f1_weighted", "calls", True, f1_weighted, 0, 1),
    Metric("kappa", "calls", True, kappa, -1, 1),
    Metric("mcc", "calls", True, mcc, -1, 1),
    Metric("log_loss", "probabilities", False, log_loss, 0, float("inf")),
    Metric("brier", "probabilities", False, brier, 0, 2),
    Metric("auc", "ranking", True, auc, 0, 1, EXTRA_RANKED),
    Metric("ap", "ranking", True, ap, 0, 1, EXTRA_RANKED),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""Every metric by name, in the order of the tables."""

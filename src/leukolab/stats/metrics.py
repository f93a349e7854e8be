"""Every metric as one function of probabilities, labels and weights, by scikit-learn: what each means here.

`draws.py` computes all of them at once and is held to these by the contract tests.

Conventions, the same for all:
- two classes: class 1 is the positive one. Precision, recall and F1 speak of it; with more classes they are
  means over the classes that are there, each counted the same.
- a class that nobody is of has no recall (NaN where it is the one asked for); a class never called has precision
  and F1 of 0; AUC and AP without both sides are NaN; kappa and MCC where all are of one class and called so are 0.
- weights multiply images: an image of weight 2 counts as two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sk

from leukolab.base.errors import DataError

Array = npt.NDArray[Any]
Function = Callable[[Array, Array, Array], float]

SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in the log loss."""


@dataclass(frozen=True)
class Metric:
    """One metric and what it is made of."""

    name: str
    title: str
    kind: str
    """`calls` (of called classes), `probabilities`, or `ranking`."""
    higher_is_better: bool
    function: Function
    """(probs_nk, labels_n, weights_n) -> value."""
    lowest: float
    highest: float

    def __call__(self, probs_nk: Array, labels_n: Array, weights_n: Array | None = None) -> float:
        """Value for probabilities (n, k), labels (n,) and weights (n,), 1 each where None."""
        weights = np.ones(len(labels_n)) if weights_n is None else np.asarray(weights_n, dtype=np.float64)
        return float(self.function(np.asarray(probs_nk, dtype=np.float64), np.asarray(labels_n), weights))


def calls(probs_nk: Array) -> Array:
    """Called class of each image, int64 (n,): of two classes 1 where p_1 >= 0.5, else the most probable.

    Source: the `wen` study, a probability of exactly 0.5 is class 1.
    """
    if probs_nk.shape[1] == 2:
        return np.asarray(probs_nk[:, 1] >= 0.5, dtype=np.int64)
    return np.asarray(probs_nk.argmax(axis=1), dtype=np.int64)


def check_predictions(probs_nk: Array, labels_n: Array, where: str = "predictions") -> None:
    """Refuse what cannot be scored.

    Raises:
        DataError: no image, other shapes, a probability that is none, rows that do not sum to 1, a label out of range.
    """
    n, k = probs_nk.shape
    if n == 0 or n != len(labels_n) or k < 2:
        raise DataError(f"{where}: expected (n, k >= 2) probabilities for n labels, got {(n, k)} for {len(labels_n)}.")
    if not np.isfinite(probs_nk).all() or probs_nk.min() < 0 or probs_nk.max() > 1 + 1e-6:
        raise DataError(f"{where}: expected probabilities from 0 to 1, found others. Are these logits?")
    if np.abs(probs_nk.sum(axis=1) - 1).max() > 1e-3:
        raise DataError(f"{where}: expected the probabilities of an image to sum to 1, found a sum that does not.")
    if labels_n.min() < 0 or labels_n.max() >= k:
        raise DataError(
            f"{where}: expected labels from 0 to {k - 1}, found {int(labels_n.min())} to {int(labels_n.max())}."
        )


def _present(labels_n: Array, weights_n: Array) -> Array:
    return np.unique(labels_n[weights_n > 0])


def _by_class(function: Callable[..., Any], average: str) -> Function:
    """Precision or F1: of class 1 where `average` is binary and there are two classes, else averaged."""

    def value(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
        binary = probs_nk.shape[1] == 2 and average == "binary"
        classes = [1] if binary else _present(labels_n, weights_n)
        averaged = "weighted" if average == "weighted" else "macro"
        options = {"labels": classes, "average": averaged, "zero_division": 0.0, "sample_weight": weights_n}
        return float(function(labels_n, calls(probs_nk), **options))

    return value


def _accuracy(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    return float(sk.accuracy_score(labels_n, calls(probs_nk), sample_weight=weights_n))


def _recall_of(classes: Array | list[int], probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    options = {"labels": classes, "average": "macro", "zero_division": np.nan, "sample_weight": weights_n}
    return float(sk.recall_score(labels_n, calls(probs_nk), **options))


def _balanced_accuracy(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    return _recall_of(_present(labels_n, weights_n), probs_nk, labels_n, weights_n)


def _recall(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    classes = [1] if probs_nk.shape[1] == 2 else _present(labels_n, weights_n)
    return _recall_of(classes, probs_nk, labels_n, weights_n)


def _specificity(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    """Share of what is not of a class that is not called so: of class 1, or the mean over classes."""
    if probs_nk.shape[1] == 2:
        return _recall_of([0], probs_nk, labels_n, weights_n)
    values = []
    for label in _present(labels_n, weights_n):
        others = weights_n * (labels_n != label)
        if others.sum() > 0:
            values.append(float((others * (calls(probs_nk) != label)).sum() / others.sum()))
    return float(np.mean(values)) if values else float("nan")


def _kappa(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    called = calls(probs_nk)
    if _all_of_one_class(labels_n, called, weights_n):
        return 0.0
    return float(sk.cohen_kappa_score(labels_n, called, labels=range(probs_nk.shape[1]), sample_weight=weights_n))


def _mcc(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    called = calls(probs_nk)
    if _all_of_one_class(labels_n, called, weights_n):
        return 0.0
    return float(sk.matthews_corrcoef(labels_n, called, sample_weight=weights_n))


def _all_of_one_class(labels_n: Array, called_n: Array, weights_n: Array) -> bool:
    """Whether every image that counts is, and is called, the same: nothing to agree about."""
    both = np.concatenate([labels_n[weights_n > 0], called_n[weights_n > 0]])
    return len(np.unique(both)) == 1


def _log_loss(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    return float(np.average(log_losses(probs_nk, labels_n), weights=weights_n))


def _brier(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
    return float(np.average(brier_losses(probs_nk, labels_n), weights=weights_n))


def log_losses(probs_nk: Array, labels_n: Array) -> Array:
    """Minus the natural logarithm of each image's probability of its own class, float64 (n,)."""
    true_n = np.take_along_axis(probs_nk.astype(np.float64), labels_n[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(true_n, SMALLEST, 1 - SMALLEST)))


def brier_losses(probs_nk: Array, labels_n: Array) -> Array:
    """Squared error of each image, float64 (n,): of p_1 for two classes, summed over the classes for more.

    Source: Brier 1950 (the sum; half of it is the usual form for two classes).
    """
    errors_nk = probs_nk.astype(np.float64) - np.eye(probs_nk.shape[1])[labels_n]
    return np.asarray(errors_nk[:, 1] ** 2 if probs_nk.shape[1] == 2 else (errors_nk**2).sum(axis=1))


def ranked_classes(k: int) -> list[int]:
    """Classes whose ranking counts: class 1 of two, every class of more."""
    return [1] if k == 2 else list(range(k))


def _ranking(function: Callable[..., Any]) -> Function:
    """AUC or AP: of class 1, or the mean of each class against the rest."""

    def value(probs_nk: Array, labels_n: Array, weights_n: Array) -> float:
        used = weights_n > 0
        labels, probs, weights = labels_n[used], probs_nk[used], weights_n[used]
        values = []
        for label in ranked_classes(probs_nk.shape[1]):
            positive = labels == label
            if positive.any() and not positive.all():
                values.append(float(function(positive, probs[:, label], sample_weight=weights)))
        return float(np.mean(values)) if values else float("nan")

    return value


_ALL = (
    Metric("accuracy", "Accuracy", "calls", True, _accuracy, 0, 1),
    Metric("balanced_accuracy", "Balanced accuracy", "calls", True, _balanced_accuracy, 0, 1),
    Metric("precision", "Precision", "calls", True, _by_class(sk.precision_score, "binary"), 0, 1),
    Metric("recall", "Recall", "calls", True, _recall, 0, 1),
    Metric("sensitivity", "Sensitivity", "calls", True, _recall, 0, 1),
    Metric("specificity", "Specificity", "calls", True, _specificity, 0, 1),
    Metric("f1", "F1", "calls", True, _by_class(sk.f1_score, "binary"), 0, 1),
    Metric("f1_macro", "F1, macro", "calls", True, _by_class(sk.f1_score, "macro"), 0, 1),
    Metric("f1_weighted", "F1, weighted", "calls", True, _by_class(sk.f1_score, "weighted"), 0, 1),
    Metric("kappa", "Cohen's kappa", "calls", True, _kappa, -1, 1),
    Metric("mcc", "Matthews correlation", "calls", True, _mcc, -1, 1),
    Metric("log_loss", "Log loss", "probabilities", False, _log_loss, 0, float("inf")),
    Metric("brier", "Brier score", "probabilities", False, _brier, 0, 2),
    Metric("auc", "AUC", "ranking", True, _ranking(sk.roc_auc_score), 0, 1),
    Metric("ap", "Average precision", "ranking", True, _ranking(sk.average_precision_score), 0, 1),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""Every metric by name, in the order of the tables."""

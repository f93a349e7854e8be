"""Every metric by scikit-learn, with the conventions of `stats/metrics.py`: what our own functions are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from leukolab.stats import calls

Array = np.ndarray[Any, Any]


def present(labels: Array, weights: Array) -> Array:
    """Classes of which an image counts."""
    return np.unique(labels[weights > 0])


def by_class(function: Callable[..., Any], average: str) -> Callable[[Array, Array, Array], float]:
    """Precision or F1: of class 1 where `average` is binary and there are two classes, else averaged."""

    def value(labels: Array, probs: Array, weights: Array) -> float:
        binary = probs.shape[1] == 2 and average == "binary"
        classes = [1] if binary else present(labels, weights)
        averaged = "weighted" if average == "weighted" else "macro"
        options = {"labels": classes, "average": averaged, "zero_division": 0.0, "sample_weight": weights}
        return float(function(labels, calls(probs), **options))

    return value


def accuracy(labels: Array, probs: Array, weights: Array) -> float:
    return float(sk.accuracy_score(labels, calls(probs), sample_weight=weights))


def recall_of(classes: Any, labels: Array, probs: Array, weights: Array) -> float:
    options = {"labels": classes, "average": "macro", "zero_division": np.nan, "sample_weight": weights}
    return float(sk.recall_score(labels, calls(probs), **options))


def balanced_accuracy(labels: Array, probs: Array, weights: Array) -> float:
    return recall_of(present(labels, weights), labels, probs, weights)


def recall(labels: Array, probs: Array, weights: Array) -> float:
    return recall_of([1] if probs.shape[1] == 2 else present(labels, weights), labels, probs, weights)


def specificity(labels: Array, probs: Array, weights: Array) -> float:
    if probs.shape[1] == 2:
        return recall_of([0], labels, probs, weights)
    values = []
    for label in present(labels, weights):
        others = weights * (labels != label)
        if others.sum() > 0:
            values.append(float((others * (calls(probs) != label)).sum() / others.sum()))
    return float(np.mean(values)) if values else float("nan")


def all_of_one_class(labels: Array, called: Array, weights: Array) -> bool:
    return len(np.unique(np.concatenate([labels[weights > 0], called[weights > 0]]))) == 1


def kappa(labels: Array, probs: Array, weights: Array) -> float:
    called = calls(probs)
    if all_of_one_class(labels, called, weights):
        return 0.0
    return float(sk.cohen_kappa_score(labels, called, labels=range(probs.shape[1]), sample_weight=weights))


def mcc(labels: Array, probs: Array, weights: Array) -> float:
    called = calls(probs)
    if all_of_one_class(labels, called, weights):
        return 0.0
    return float(sk.matthews_corrcoef(labels, called, sample_weight=weights))


def log_loss(labels: Array, probs: Array, weights: Array) -> float:
    return float(sk.log_loss(labels, probs, labels=range(probs.shape[1]), sample_weight=weights))


def brier(labels: Array, probs: Array, weights: Array) -> float:
    if probs.shape[1] == 2:
        return float(sk.brier_score_loss(labels, probs[:, 1], sample_weight=weights, pos_label=1))
    return float(np.average(((probs - np.eye(probs.shape[1])[labels]) ** 2).sum(axis=1), weights=weights))


def ranking(function: Callable[..., Any]) -> Callable[[Array, Array, Array], float]:
    """AUC or AP: of class 1, or the mean of each class against the rest."""

    def value(labels: Array, probs: Array, weights: Array) -> float:
        used = weights > 0
        values = []
        for label in [1] if probs.shape[1] == 2 else range(probs.shape[1]):
            positive = labels[used] == label
            if positive.any() and not positive.all():
                values.append(float(function(positive, probs[used, label], sample_weight=weights[used])))
        return float(np.mean(values)) if values else float("nan")

    return value


ORACLE: dict[str, Callable[[Array, Array, Array], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": by_class(sk.precision_score, "binary"),
    "recall": recall,
    "sensitivity": recall,
    "specificity": specificity,
    "f1": by_class(sk.f1_score, "binary"),
    "f1_macro": by_class(sk.f1_score, "macro"),
    "f1_weighted": by_class(sk.f1_score, "weighted"),
    "kappa": kappa,
    "mcc": mcc,
    "log_loss": log_loss,
    "brier": brier,
    "auc": ranking(sk.roc_auc_score),
    "ap": ranking(sk.average_precision_score),
}
"""(labels, probabilities, weights) -> value, by metric."""


@pytest.fixture
def oracle() -> dict[str, Callable[[Array, Array, Array], float]]:
    """Every metric by scikit-learn."""
    return ORACLE

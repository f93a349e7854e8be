"""Curves, the confusion matrix and the classification report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from leukolab.stats.classes import Array, calls, divide


def roc_points(y_true: Array, y_prob: Array, sample_weight: Array | None = None, label: int = 1) -> pd.DataFrame:
    """Points of the ROC curve of `label` against the rest: false_positive_rate, true_positive_rate, threshold.

    Returns:
        Rows from (0, 0), threshold infinite, to (1, 1); no rows where one side is missing.
    """
    weights_n = np.ones(len(y_true)) if sample_weight is None else sample_weight
    used = weights_n > 0
    positive = y_true[used] == label
    columns = ["false_positive_rate", "true_positive_rate", "threshold"]
    if not positive.any() or positive.all():
        return pd.DataFrame(columns=columns, dtype=float)
    points = sk.roc_curve(positive, y_prob[used, label], sample_weight=weights_n[used])
    return pd.DataFrame(dict(zip(columns, points, strict=True)))


def pr_points(y_true: Array, y_prob: Array, sample_weight: Array | None = None, label: int = 1) -> pd.DataFrame:
    """Points of the precision-recall curve of `label` against the rest: recall, precision, threshold.

    Returns:
        Rows by falling recall; the last, (0, 1), has no threshold (NaN); no rows where one side is missing.
    """
    weights_n = np.ones(len(y_true)) if sample_weight is None else sample_weight
    used = weights_n > 0
    positive = y_true[used] == label
    if not positive.any() or positive.all():
        return pd.DataFrame(columns=["recall", "precision", "threshold"], dtype=float)
    curve = sk.precision_recall_curve(positive, y_prob[used, label], sample_weight=weights_n[used])
    precision, recall, threshold = curve
    return pd.DataFrame({"recall": recall, "precision": precision, "threshold": np.append(threshold, np.nan)})


def confusion(y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> Array:
    """Confusion matrix float64 (k, k): rows true, columns called, weights summed."""
    weights_n = np.ones(len(y_true)) if sample_weight is None else sample_weight
    matrix = np.zeros((y_prob.shape[1],) * 2)
    np.add.at(matrix, (y_true, calls(y_prob)), weights_n)
    return matrix


def classification_report(
    y_true: Array, y_prob: Array, sample_weight: Array | None, class_names: tuple[str, ...]
) -> pd.DataFrame:
    """Precision, recall, F1 and support by class, then rows `macro` and `weighted`.

    Returns:
        class, precision, recall, f1, support. A class never called has precision and F1 of 0; a class without
        images has recall NaN and counts in no mean.
    """
    matrix = confusion(y_true, y_prob, sample_weight)
    hits, support, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    rows = pd.DataFrame(
        {
            "class": list(class_names),
            "precision": divide(hits, called, 0.0),
            "recall": divide(hits, support, np.nan),
            "f1": divide(2 * hits, support + called, 0.0),
            "support": support,
        }
    )
    there = rows[rows["support"] > 0]
    means = [_mean_row("macro", there, None), _mean_row("weighted", there, there["support"])]
    return pd.concat([rows, *means], ignore_index=True)


def _mean_row(name: str, rows: pd.DataFrame, weights: pd.Series | None) -> pd.DataFrame:
    means = {column: float(np.average(rows[column], weights=weights)) for column in ("precision", "recall", "f1")}
    return pd.DataFrame([{"class": name, **means, "support": float(rows["support"].sum())}])

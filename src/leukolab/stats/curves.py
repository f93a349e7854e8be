"""Curves, the confusion matrix and the classification report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from leukolab.stats.metrics import Array, calls


def roc_points(probs_nk: Array, labels_n: Array, weights_n: Array, label: int = 1) -> pd.DataFrame:
    """Points of the ROC curve of `label` against the rest: false_positive_rate, true_positive_rate, threshold.

    Returns:
        Rows from (0, 0), threshold infinite, to (1, 1); no rows where one side is missing.
    """
    used = weights_n > 0
    positive = labels_n[used] == label
    columns = ["false_positive_rate", "true_positive_rate", "threshold"]
    if not positive.any() or positive.all():
        return pd.DataFrame(columns=columns, dtype=float)
    points = sk.roc_curve(positive, probs_nk[used, label], sample_weight=weights_n[used])
    return pd.DataFrame(dict(zip(columns, points, strict=True)))


def pr_points(probs_nk: Array, labels_n: Array, weights_n: Array, label: int = 1) -> pd.DataFrame:
    """Points of the precision-recall curve of `label` against the rest: recall, precision, threshold.

    Returns:
        Rows by falling recall; the last, (0, 1), has no threshold (NaN); no rows where one side is missing.
    """
    used = weights_n > 0
    positive = labels_n[used] == label
    if not positive.any() or positive.all():
        return pd.DataFrame(columns=["recall", "precision", "threshold"], dtype=float)
    curve = sk.precision_recall_curve(positive, probs_nk[used, label], sample_weight=weights_n[used])
    precision, recall, threshold = curve
    return pd.DataFrame({"recall": recall, "precision": precision, "threshold": np.append(threshold, np.nan)})


def confusion(probs_nk: Array, labels_n: Array, weights_n: Array) -> Array:
    """Confusion matrix float64 (k, k): rows true, columns called, weights summed."""
    k = probs_nk.shape[1]
    return np.asarray(
        np.bincount(labels_n * k + calls(probs_nk), weights=weights_n, minlength=k * k).reshape(k, k), dtype=np.float64
    )


def classification_report(
    probs_nk: Array, labels_n: Array, weights_n: Array, class_names: tuple[str, ...]
) -> pd.DataFrame:
    """Precision, recall, F1 and support by class, then rows `macro` and `weighted`.

    Returns:
        class, precision, recall, f1, support. A class never called has precision and F1 of 0; one that nobody is
        of has recall NaN and counts in no mean.
    """
    matrix = confusion(probs_nk, labels_n, weights_n)
    hits, support, called = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    zeros = np.zeros(len(hits))
    rows = pd.DataFrame(
        {
            "class": list(class_names),
            "precision": np.divide(hits, called, out=zeros.copy(), where=called > 0),
            "recall": np.divide(hits, support, out=np.full(len(hits), np.nan), where=support > 0),
            "f1": np.divide(2 * hits, support + called, out=zeros.copy(), where=support + called > 0),
            "support": support,
        }
    )
    there = rows[rows["support"] > 0]
    return pd.concat(
        [rows, _mean_row("macro", there, None), _mean_row("weighted", there, there["support"])], ignore_index=True
    )


def _mean_row(name: str, rows: pd.DataFrame, weights: pd.Series | None) -> pd.DataFrame:
    means = {column: float(np.average(rows[column], weights=weights)) for column in ("precision", "recall", "f1")}
    return pd.DataFrame([{"class": name, **means, "support": float(rows["support"].sum())}])

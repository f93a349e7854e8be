"""Every metric for every bootstrap replicate at once.

A replicate gives each identity group a whole number, how often it was drawn; an image weighs its own weight times
that. Sums over images become one matrix product over groups; rankings are cumulated sums along one sorted order.
"""

from __future__ import annotations

import numpy as np

from leukolab.stats.metrics import Array, brier_losses, calls, log_losses, ranked_classes

CHUNK = 200
"""Replicates handled together in rankings; bounds the memory."""


def confusion_draws(probs_nk: Array, labels_n: Array, weights_n: Array, codes_n: Array, times_rg: Array) -> Array:
    """Confusion matrices float64 (r, k, k), rows true and columns called, of r replicates.

    Args:
        codes_n: int (n,), number of each image's group. times_rg: (r, g), how often each group was drawn.
    """
    k = probs_nk.shape[1]
    cells_n = labels_n * k + calls(probs_nk)
    counts_gc = np.zeros((times_rg.shape[1], k * k))
    np.add.at(counts_gc, (codes_n, cells_n), weights_n)
    return np.asarray((times_rg @ counts_gc).reshape(-1, k, k))


def confusion_metrics(conf_rkk: Array) -> dict[str, Array]:
    """Every metric of called classes from confusion matrices (r, k, k): name to float64 (r,)."""
    true_rk, called_rk = conf_rkk.sum(axis=2), conf_rkk.sum(axis=1)
    hits_rk = np.diagonal(conf_rkk, axis1=1, axis2=2)
    total_r = true_rk.sum(axis=1)
    present_rk = true_rk > 0
    recall_rk = _divide(hits_rk, true_rk, np.nan)
    precision_rk = _divide(hits_rk, called_rk, 0.0)
    f1_rk = _divide(2 * hits_rk, true_rk + called_rk, 0.0)
    negatives_rk = total_r[:, None] - true_rk
    specificity_rk = _divide(negatives_rk - (called_rk - hits_rk), negatives_rk, np.nan)
    binary = conf_rkk.shape[1] == 2
    recall_r = recall_rk[:, 1] if binary else _mean(recall_rk, present_rk)
    return {
        "accuracy": hits_rk.sum(axis=1) / total_r,
        "balanced_accuracy": _mean(recall_rk, present_rk),
        "precision": precision_rk[:, 1] if binary else _mean(precision_rk, present_rk),
        "recall": recall_r,
        "sensitivity": recall_r,
        "specificity": specificity_rk[:, 1] if binary else _mean(specificity_rk, present_rk & (negatives_rk > 0)),
        "f1": f1_rk[:, 1] if binary else _mean(f1_rk, present_rk),
        "f1_macro": _mean(f1_rk, present_rk),
        "f1_weighted": (f1_rk * true_rk).sum(axis=1) / total_r,
        "kappa": _kappa(hits_rk, true_rk, called_rk),
        "mcc": _mcc(hits_rk, true_rk, called_rk),
    }


def loss_draws(probs_nk: Array, labels_n: Array, weights_n: Array, codes_n: Array, times_rg: Array) -> dict[str, Array]:
    """Log loss and Brier score of r replicates, float64 (r,) each; arguments as in `confusion_draws`."""
    groups = times_rg.shape[1]
    total_r = times_rg @ np.bincount(codes_n, weights=weights_n, minlength=groups)
    losses = {"log_loss": log_losses(probs_nk, labels_n), "brier": brier_losses(probs_nk, labels_n)}
    sums = {name: np.bincount(codes_n, weights=weights_n * loss, minlength=groups) for name, loss in losses.items()}
    return {name: (times_rg @ sums_g) / total_r for name, sums_g in sums.items()}


def ranking_draws(
    probs_nk: Array, labels_n: Array, weights_n: Array, codes_n: Array, times_rg: Array
) -> dict[str, Array]:
    """AUC and average precision of r replicates, float64 (r,) each; arguments as in `confusion_draws`."""
    both = []
    for label in ranked_classes(probs_nk.shape[1]):
        order = np.argsort(-probs_nk[:, label], kind="stable")
        ends = np.append(np.flatnonzero(np.diff(probs_nk[order, label])), len(order) - 1)
        positive_n = weights_n[order] * (labels_n[order] == label)
        parts = [
            _auc_ap(positive_n, weights_n[order], ends, times_rg[begin : begin + CHUNK][:, codes_n[order]])
            for begin in range(0, len(times_rg), CHUNK)
        ]
        both.append(np.concatenate(parts, axis=1))
    values_c2r = np.stack(both)
    means = _mean(values_c2r.transpose(1, 2, 0), np.isfinite(values_c2r).transpose(1, 2, 0))
    return {"auc": means[0], "ap": means[1]}


def _auc_ap(positive_n: Array, weights_n: Array, ends: Array, times_rn: Array) -> Array:
    """AUC and AP, float64 (2, r), of images sorted by falling score; `ends` are the last of each tie."""
    hits = np.cumsum(times_rn * positive_n, axis=1)[:, ends]
    called = np.cumsum(times_rn * weights_n, axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    alarms = np.diff(called - hits, axis=1, prepend=0.0)
    positives, negatives = hits[:, -1], called[:, -1] - hits[:, -1]
    area = (alarms * (hits - gained / 2)).sum(axis=1)
    auc = _divide(area, positives * negatives, np.nan)
    ap = _divide((gained * _divide(hits, called, 0.0)).sum(axis=1), positives, np.nan)
    ap[negatives <= 0] = np.nan
    return np.stack([auc, ap])


def _kappa(hits_rk: Array, true_rk: Array, called_rk: Array) -> Array:
    total_r = true_rk.sum(axis=1)
    observed = hits_rk.sum(axis=1) / total_r
    expected = (true_rk * called_rk).sum(axis=1) / total_r**2
    return _divide(observed - expected, 1 - expected, 0.0)


def _mcc(hits_rk: Array, true_rk: Array, called_rk: Array) -> Array:
    """Source: Gorodkin 2004, the correlation for k classes."""
    total_r = true_rk.sum(axis=1)
    shared = hits_rk.sum(axis=1) * total_r - (true_rk * called_rk).sum(axis=1)
    spread = (total_r**2 - (true_rk**2).sum(axis=1)) * (total_r**2 - (called_rk**2).sum(axis=1))
    return _divide(shared, np.sqrt(np.maximum(spread, 0)), 0.0)


def _divide(numerator: Array, denominator: Array, otherwise: float) -> Array:
    """Quotient; `otherwise` where the denominator is not above rounding."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 1e-12))


def _mean(values: Array, where: Array) -> Array:
    """Mean over the last axis of the values that count; NaN where none does."""
    counted = np.where(where, values, 0.0).sum(axis=-1)
    return _divide(counted, where.sum(axis=-1).astype(float), np.nan)

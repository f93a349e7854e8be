"""Predictions weighted anew in every replicate of a bootstrap: the sums that all metrics are made of, computed once.

A replicate gives each identity group a whole number, how often it was drawn; an image weighs its own weight times
that number. Sums over images become one matrix product over groups; rankings are cumulated sums along one sorted order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leukolab.stats.classes import Array, ClassScheme, calls, divide, mean_where

CHUNK = 200
"""Replicates handled together in rankings; bounds the memory."""


@dataclass(frozen=True)
class Draws:
    """Predictions of n images with k classes, in r replicates that draw g groups."""

    y_true: Array = field(repr=False)
    """int (n,), class of each image."""
    y_prob: Array = field(repr=False)
    """float64 (n, k), probabilities by class."""
    weights_n: Array = field(repr=False)
    """float64 (n,), weight of each image."""
    codes_n: Array = field(repr=False)
    """int (n,), number of each image's group."""
    times_rg: Array = field(repr=False)
    """float64 (r, g), how often each group was drawn."""

    @property
    def scheme(self) -> ClassScheme:
        """How these classes are counted."""
        return ClassScheme(self.y_prob.shape[1])

    @cached_property
    def confusion_rkk(self) -> Array:
        """Confusion matrices float64 (r, k, k), rows true and columns called."""
        k = self.scheme.count
        cells_n = self.y_true * k + calls(self.y_prob)
        counts_gc = np.zeros((self.times_rg.shape[1], k * k))
        np.add.at(counts_gc, (self.codes_n, cells_n), self.weights_n)
        return np.asarray((self.times_rg @ counts_gc).reshape(-1, k, k))

    @cached_property
    def true_rk(self) -> Array:
        """Weight of each class, float64 (r, k)."""
        return np.asarray(self.confusion_rkk.sum(axis=2))

    @cached_property
    def called_rk(self) -> Array:
        """Weight of the images called each class, float64 (r, k)."""
        return np.asarray(self.confusion_rkk.sum(axis=1))

    @cached_property
    def hits_rk(self) -> Array:
        """Weight of each class's images that are called so, float64 (r, k)."""
        return np.diagonal(self.confusion_rkk, axis1=1, axis2=2)

    @cached_property
    def total_r(self) -> Array:
        """Weight of all images, float64 (r,)."""
        return np.asarray(self.true_rk.sum(axis=1))

    def mean_over_images(self, values_n: Array) -> Array:
        """Weighted mean of one number per image, float64 (r,)."""
        groups = self.times_rg.shape[1]
        total_r = self.times_rg @ np.bincount(self.codes_n, weights=self.weights_n, minlength=groups)
        sums_g = np.bincount(self.codes_n, weights=self.weights_n * values_n, minlength=groups)
        return np.asarray((self.times_rg @ sums_g) / total_r)

    @cached_property
    def ranking_2r(self) -> Array:
        """AUC and average precision, float64 (2, r); of several classes the mean of each against the rest."""
        values_c2r = np.stack([self._ranking_of(label) for label in self.scheme.ranked])
        by_class = values_c2r.transpose(1, 2, 0)
        return mean_where(by_class, np.isfinite(by_class))

    def _ranking_of(self, label: int) -> Array:
        order = np.argsort(-self.y_prob[:, label], kind="stable")
        ends = np.append(np.flatnonzero(np.diff(self.y_prob[order, label])), len(order) - 1)
        weights_n = self.weights_n[order]
        positive_n = weights_n * (self.y_true[order] == label)
        parts = [
            _auc_ap(positive_n, weights_n, ends, self.times_rg[begin : begin + CHUNK][:, self.codes_n[order]])
            for begin in range(0, len(self.times_rg), CHUNK)
        ]
        return np.concatenate(parts, axis=1)


def as_they_are(y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> Draws:
    """The one replicate that counts every image once; images weigh 1 each where `sample_weight` is None.

    Args:
        y_true: int (n,). y_prob: float (n, k). sample_weight: float (n,).
    """
    n = len(y_true)
    weights_n = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    probs_nk = np.asarray(y_prob, dtype=np.float64)
    return Draws(np.asarray(y_true), probs_nk, weights_n, np.zeros(n, np.int64), np.ones((1, 1)))


def _auc_ap(positive_n: Array, weights_n: Array, ends: Array, times_rn: Array) -> Array:
    """AUC and AP, float64 (2, r), of images sorted by falling score; `ends` are the last of each tie."""
    hits = np.cumsum(times_rn * positive_n, axis=1)[:, ends]
    called = np.cumsum(times_rn * weights_n, axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    alarms = np.diff(called - hits, axis=1, prepend=0.0)
    positives, negatives = hits[:, -1], called[:, -1] - hits[:, -1]
    area = (alarms * (hits - gained / 2)).sum(axis=1)
    auc = divide(area, positives * negatives, np.nan)
    ap = divide((gained * divide(hits, called, 0.0)).sum(axis=1), positives, np.nan)
    ap[negatives <= 0] = np.nan
    return np.stack([auc, ap])

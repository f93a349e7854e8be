"""Predictions weighted anew in every replicate: the sums that all metrics are made of, computed once.

A replicate gives each identity group a weight; an image weighs its own weight times that of its group. Each class may
get an extra subject, of whom all images are called right or all wrong. The images of a class and its extra subject are
then scaled to the weight the class has in the data, so classes mix at the observed prevalence in every replicate. Sums
over images become one matrix product over groups; rankings are cumulated sums along one sorted order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leukolab.stats.classes import Array, ClassScheme, calls, divide, mean_where

CHUNK_WEIGHTS = 200_000
"""Weights of images handled together; bounds the memory, and keeps it near the processor."""
TINY = 1e-300
"""Keeps quotients of nothing and nothing at 0."""


@dataclass(frozen=True)
class Draws:
    """Predictions of n images with k classes, in r replicates that weigh g groups."""

    y_true: Array = field(repr=False)
    """int (n,), class of each image."""
    y_prob: Array = field(repr=False)
    """float64 (n, k), probabilities by class."""
    weights_n: Array = field(repr=False)
    """float64 (n,), weight of each image."""
    codes_n: Array = field(repr=False)
    """int (n,), number of each image's group."""
    times_rg: Array = field(repr=False)
    """float64 (r, g), weight of each group."""
    extra_rk: Array | None = field(default=None, repr=False)
    """float64 (r, k), weight of each class's extra subject, in mean weights of the class's groups; None for none."""
    right: bool = False
    """Whether the extra subjects are called right, and ranked where they should be; else wrong."""
    _rankings: dict[bool, Array] = field(default_factory=dict, repr=False)
    """`right` to AUC and AP, which are computed for both ends at once; `dataclasses.replace` shares it."""

    @property
    def scheme(self) -> ClassScheme:
        """How these classes are counted."""
        return ClassScheme(self.y_prob.shape[1])

    @cached_property
    def sizes_gk(self) -> Array:
        """Weight of each group's images of each class, float64 (g, k)."""
        return self._sums_gk(self.weights_n)

    @cached_property
    def observed_k(self) -> Array:
        """Weight of each class in the data, float64 (k,)."""
        return np.asarray(self.sizes_gk.sum(axis=0))

    @cached_property
    def _own_rk(self) -> Array:
        return np.asarray(self.times_rg @ self.sizes_gk)

    @cached_property
    def _added_rk(self) -> Array:
        """Weight of the extra subjects before scaling, float64 (r, k)."""
        if self.extra_rk is None:
            return np.zeros_like(self._own_rk)
        return np.asarray(self.extra_rk * divide(self.observed_k, (self.sizes_gk > 0).sum(axis=0).astype(float), 0.0))

    @cached_property
    def scale_rk(self) -> Array:
        """What brings each class to its weight in the data, float64 (r, k)."""
        return divide(np.broadcast_to(self.observed_k, self._own_rk.shape), self._own_rk + self._added_rk, 1.0)

    @cached_property
    def extra_weight_rk(self) -> Array:
        """Weight of the extra subjects in these replicates, float64 (r, k)."""
        return np.asarray(self._added_rk * self.scale_rk)

    @cached_property
    def true_rk(self) -> Array:
        """Weight of each class, float64 (r, k)."""
        return np.asarray(self._own_rk * self.scale_rk + self.extra_weight_rk)

    @cached_property
    def hits_rk(self) -> Array:
        """Weight of each class's images that are called so, float64 (r, k)."""
        own_rk = (self.times_rg @ self._sums_gk(self.weights_n * self._hit_n)) * self.scale_rk
        return np.asarray(own_rk + self.extra_weight_rk if self.right else own_rk)

    @cached_property
    def alarms_rk(self) -> Array:
        """Weight of the images of other classes that are called each class, float64 (r, k).

        An extra subject that is wrong is called every other class alike.
        """
        k, others = self.scheme.count, self.extra_weight_rk
        cells_c, cells_n = np.unique(
            (self._called_n * self.times_rg.shape[1] + self.codes_n) * k + self.y_true, return_inverse=True
        )
        weights_c = np.bincount(cells_n, self.weights_n * ~self._hit_n, len(cells_c))
        pairs_c, true_c = np.divmod(cells_c, k)
        called_c, groups_c = np.divmod(pairs_c, self.times_rg.shape[1])
        classes, starts = np.unique(called_c, return_index=True)
        alarms_rk = np.zeros_like(others) if self.right else (others.sum(axis=1, keepdims=True) - others) / (k - 1)
        for rows in self._slices(len(cells_c)):
            cells_rc = self.times_rg[rows][:, groups_c] * self.scale_rk[rows][:, true_c] * weights_c
            alarms_rk[rows, classes] += np.add.reduceat(cells_rc, starts, axis=1)
        return alarms_rk

    @cached_property
    def called_rk(self) -> Array:
        """Weight of the images called each class, float64 (r, k)."""
        return self.hits_rk + self.alarms_rk

    @cached_property
    def _called_n(self) -> Array:
        return calls(self.y_prob)

    @cached_property
    def _hit_n(self) -> Array:
        return np.asarray(self._called_n == self.y_true)

    @cached_property
    def total_r(self) -> Array:
        """Weight of all images, float64 (r,)."""
        return np.asarray(self.true_rk.sum(axis=1))

    def mean_loss(self, losses_n: Array, worst: float, worst_seen: bool = False) -> Array:
        """Weighted mean of one loss per image, float64 (r,); extra subjects that are right lose 0.

        Args:
            losses_n: float64 (n,).
            worst: loss of an extra subject that is wrong.
            worst_seen: whether the mean loss of a class's worst group counts instead where that is more.
        """
        sums_gk = self._sums_gk(self.weights_n * losses_n)
        lost_rk = (self.times_rg @ sums_gk) * self.scale_rk
        if not self.right:
            seen_k = divide(sums_gk, self.sizes_gk, 0.0).max(axis=0) if worst_seen else 0.0
            lost_rk = lost_rk + self.extra_weight_rk * np.maximum(worst, seen_k)
        weight_r = (self._own_rk * self.scale_rk + self.extra_weight_rk).sum(axis=1)
        return np.asarray(lost_rk.sum(axis=1) / weight_r)

    @cached_property
    def ranking_2r(self) -> Array:
        """AUC and average precision, float64 (2, r); of several classes the mean of each against the rest."""
        if self.right not in self._rankings:
            values_c22r = np.stack([self._rankings_of(label) for label in self.scheme.ranked])
            by_class = np.moveaxis(values_c22r, 0, -1)
            self._rankings.update(zip((False, True), mean_where(by_class, np.isfinite(by_class)), strict=True))
        return self._rankings[self.right]

    def _rankings_of(self, label: int) -> Array:
        """AUC and AP of one class against the rest, float64 (2, 2, r), at both ends."""
        ranks = _Ranks.of(self.y_prob[:, label], self.y_true == label)
        extra_r2 = np.stack([self.extra_weight_rk[:, label], np.delete(self.extra_weight_rk, label, 1).sum(axis=1)], 1)
        parts = []
        for rows in self._slices(len(self.y_true)):
            positives, negatives = (self._weights(rows, order) for order in (ranks.positives, ranks.negatives))
            parts.append(ranks.auc_and_ap(positives, negatives, extra_r2[rows]))
        return np.concatenate(parts, axis=2)

    def _slices(self, weights: int) -> Iterator[slice]:
        """The replicates, so many at a time that as many weights of each fit into a chunk."""
        step = max(1, CHUNK_WEIGHTS // weights)
        return (slice(begin, begin + step) for begin in range(0, len(self.times_rg), step))

    def _weights(self, rows: slice, images: Array) -> Array:
        """Weights of some images in some replicates, float64 (rows, images)."""
        groups_c, classes_c, cells_n = self._cells
        cells_rc = self.times_rg[rows][:, groups_c] * self.scale_rk[rows][:, classes_c]
        return np.asarray(cells_rc[:, cells_n[images]] * self.weights_n[images])

    @cached_property
    def _cells(self) -> tuple[Array, Array, Array]:
        """Group and class of each pair of these that has images, and the number of each image's pair (n,)."""
        codes_c, cells_n = np.unique(self.codes_n * self.scheme.count + self.y_true, return_inverse=True)
        return (*np.divmod(codes_c, self.scheme.count), cells_n)

    def _sums_gk(self, values_n: Array) -> Array:
        sums_gk = np.zeros((self.times_rg.shape[1], self.scheme.count))
        np.add.at(sums_gk, (self.codes_n, self.y_true), values_n)
        return sums_gk


@dataclass(frozen=True)
class _Ranks:
    """The order of p positive and q negative images by falling score; u different scores of positives."""

    positives: Array
    """Rows of the positive images, (p,)."""
    negatives: Array
    """Rows of the negative images, (q,)."""
    starts: Array
    """Place of the first positive image of each score, (u,)."""
    above: Array
    """How many negatives score more, (u,)."""
    level: Array
    """How many negatives score as much or more, (u,)."""

    @classmethod
    def of(cls, scores_n: Array, positive_n: Array) -> _Ranks:
        order = np.argsort(-scores_n, kind="stable")
        positives, negatives = order[positive_n[order]], order[~positive_n[order]]
        falling, theirs = -scores_n[positives], -scores_n[negatives]
        starts = np.flatnonzero(np.append(True, np.diff(falling) > 0))[: len(falling)]
        above = np.searchsorted(theirs, falling[starts], side="left")
        level = np.searchsorted(theirs, falling[starts], side="right")
        return cls(positives, negatives, starts, above, level)

    def auc_and_ap(self, positives_rp: Array, negatives_rq: Array, extra_r2: Array) -> Array:
        """AUC and AP, float64 (2, 2, r), where the extra subject of each side is ranked wrong, then right."""
        if not (len(self.positives) and len(self.negatives)):
            return np.full((2, 2, len(positives_rp)), np.nan)
        ties = len(self.starts) < len(self.positives)
        gained = np.add.reduceat(positives_rp, self.starts, axis=1) if ties else positives_rp
        alarms = np.cumsum(np.pad(negatives_rq, ((0, 0), (1, 0))), axis=1)
        hits = np.cumsum(gained, axis=1)
        own_p, own_q, (extra_p, extra_q) = hits[:, -1], alarms[:, -1], extra_r2.T
        all_p, all_q = own_p + extra_p, own_q + extra_q
        level = alarms[:, self.level]
        won = own_p * own_q - np.einsum("ru,ru->r", gained, level + alarms[:, self.above]) / 2
        both_won = np.stack([won, won + all_p * all_q - own_p * own_q])
        first = hits + extra_p[:, None]
        low = np.einsum("ru,ru->r", gained, hits / np.maximum(hits + level + extra_q[:, None], TINY))
        high = np.einsum("ru,ru->r", gained, first / np.maximum(first + level, TINY))
        precise = np.stack([low + extra_p * divide(all_p, all_p + all_q, 0.0), high + extra_p])
        there = np.where(all_q > 0, all_p, 0.0)
        return np.stack([divide(both_won, all_p * all_q, np.nan), divide(precise, there, np.nan)], axis=1)


def as_they_are(y_true: Array, y_prob: Array, sample_weight: Array | None = None) -> Draws:
    """The one replicate that counts every image once; images weigh 1 each where `sample_weight` is None.

    Args:
        y_true: int (n,). y_prob: float (n, k). sample_weight: float (n,).
    """
    n = len(y_true)
    weights_n = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    probs_nk = np.asarray(y_prob, dtype=np.float64)
    return Draws(np.asarray(y_true), probs_nk, weights_n, np.zeros(n, np.int64), np.ones((1, 1)))

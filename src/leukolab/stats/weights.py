"""Weights of images: by image, and by subject so that every identity group counts the same."""

from __future__ import annotations

import numpy as np

from leukolab.stats.classes import Array, divide


def image_weights(copies_n: Array) -> Array:
    """Weight of each image by image, float64 (n,): its copies."""
    return np.asarray(copies_n, dtype=np.float64)


def subject_weights(copies_n: Array, groups_n: Array) -> Array:
    """Weight of each image by subject, float64 (n,): its copies over the copies of its identity group.

    Args:
        groups_n: names or numbers of groups (n,). The weights of each group sum to 1.
    """
    copies = np.asarray(copies_n, dtype=np.float64)
    _, codes = np.unique(np.asarray(groups_n), return_inverse=True)
    return np.asarray(copies / np.bincount(codes, weights=copies)[codes])


def effective_subjects(y_true: Array, groups: Array, sample_weight: Array | None = None) -> Array:
    """Effective number of groups of each class, float64 (k,): (sum of sizes)^2 / (sum of squared sizes).

    As many groups of one size would weigh a mean over images alike. A class without images has 0.

    Args:
        y_true: int (n,), class of each image. groups: names or numbers of groups (n,).
        sample_weight: float (n,), weight of each image; 1 each where None.

    Source: Kish 1965, section 11.7 (the effective sample size of unequal weights).
    """
    weights_n = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    names, codes_n = np.unique(np.asarray(groups), return_inverse=True)
    sizes_gk = np.zeros((len(names), int(np.max(y_true)) + 1))
    np.add.at(sizes_gk, (codes_n, np.asarray(y_true)), weights_n)
    squares_k = (sizes_gk**2).sum(axis=0)
    return divide(sizes_gk.sum(axis=0) ** 2, squares_k, 0.0)

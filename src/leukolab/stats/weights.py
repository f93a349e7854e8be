"""Weights of images: by image, and by subject so that every identity group counts the same."""

from __future__ import annotations

import numpy as np

from leukolab.stats.classes import Array


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

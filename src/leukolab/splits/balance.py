"""Over- and undersampling to a number of images per class, and class weights."""

from __future__ import annotations

import numpy as np

from leukolab.base.errors import SplitError
from leukolab.splits.cohort import Array


def balanced(items: Array, labels_n: Array, per_class: int, rng: np.random.Generator) -> Array:
    """Exactly `per_class` of `items` for each class among them.

    A larger class is drawn from without replacement. A smaller class keeps all its items, and copies are added;
    no item is copied twice before every item was copied once.

    Args:
        items: int64 (n,), row numbers; `labels_n` is the class of every row.
    """
    parts = []
    for label in np.unique(labels_n[items]):
        own = rng.permutation(items[labels_n[items] == label])
        rounds, rest = divmod(per_class, len(own))
        parts += [own] * rounds + [rng.permutation(own)[:rest]]
    return np.sort(np.concatenate(parts))


def class_weights(labels: Array, copies: Array | None = None, classes: int | None = None) -> Array:
    """Weights W_j = N / (k N_j) of a training part, copies counted.

    Args:
        labels: int (n,), class of each image. copies: int (n,), 1 each where None.
        classes: k; the highest label and one where None.

    Returns:
        float64 (k,); the weighted classes count the same.

    Raises:
        SplitError: a class has no image.

    Source: the `wen` study, class weights; the heuristic of King and Zeng 2001.
    """
    k = int(classes if classes is not None else np.max(labels) + 1)
    counts_k = np.bincount(np.asarray(labels, dtype=np.int64), weights=copies, minlength=k).astype(np.float64)
    if (counts_k == 0).any():
        empty = int(np.flatnonzero(counts_k == 0)[0])
        raise SplitError(f"class weights: expected images of every class in training, found none of class {empty}.")
    return np.asarray(counts_k.sum() / (k * counts_k))

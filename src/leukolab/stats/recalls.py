"""Recall of each class subject by subject: what paired differences of balanced accuracy are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from leukolab.base.errors import DataError
from leukolab.stats.classes import Array, calls, check_predictions


@dataclass(frozen=True)
class Recalls:
    """Recalls of m members on the same images of g subjects in the k classes that are there."""

    members: tuple[str, ...]
    recall_mgk: Array = field(repr=False)
    """float64 (m, g, k): share of a subject's images of a class that are called so; 0 where it has none."""
    weight_gk: Array = field(repr=False)
    """float64 (g, k): what a subject counts in the recall of a class; each column sums to 1."""

    def mean_of(self, names: Iterable[str]) -> Array:
        """Recalls float64 (g, k), mean over some members.

        Raises:
            DataError: a member is not among them.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self.members]
        if missing or not wanted:
            raise DataError(f"hypotheses: expected test predictions of '{(missing or ['a member'])[0]}', found none.")
        return np.asarray(self.recall_mgk[[self.members.index(name) for name in wanted]].mean(axis=0))

    @property
    def subjects_k(self) -> Array:
        """How many subjects have images of each class, int (k,)."""
        return np.asarray((self.weight_gk > 0).sum(axis=0))


def subject_recalls(y_true: Array, y_probs: Mapping[str, Array], sample_weight: Array | None, groups: Array) -> Recalls:
    """Recalls at 0.5 by subject of every member, on the same images.

    Each subject weighs 1 in all: the mean over classes of `weight_gk * recall` is balanced accuracy by subject.

    Args:
        y_true: int (n,). y_probs: member to probabilities (n, k), rows in the order of `y_true`.
        sample_weight: float (n,), by image; 1 each where None.
        groups: names or numbers of the identity groups (n,).

    Raises:
        DataError: predictions cannot be scored.
    """
    weights_n = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    codes_n = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    classes, labels_n = np.unique(np.asarray(y_true), return_inverse=True)
    shape = int(codes_n.max()) + 1, len(classes)
    cells_n = codes_n * shape[1] + labels_n
    images_gk = np.bincount(cells_n, weights_n, minlength=shape[0] * shape[1]).reshape(shape)
    found = []
    for name, y_prob in y_probs.items():
        check_predictions(y_true, y_prob, name)
        right_n = weights_n * (calls(y_prob) == y_true)
        right_gk = np.bincount(cells_n, right_n, minlength=shape[0] * shape[1]).reshape(shape)
        found.append(right_gk / np.where(images_gk > 0, images_gk, 1.0))
    share_gk = images_gk / np.maximum(images_gk.sum(axis=1, keepdims=True), 1e-12)
    return Recalls(tuple(y_probs), np.stack(found), share_gk / np.maximum(share_gk.sum(axis=0), 1e-12))

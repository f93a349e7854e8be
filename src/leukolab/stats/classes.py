"""How classes are counted and called: two classes by class 1, more classes by means over them. Decided here only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukolab.base.errors import DataError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ClassScheme:
    """What precision, recall, AUC and their like speak of where there are `count` classes."""

    count: int

    @property
    def positive(self) -> int | None:
        """The positive class of two classes, 1; None where there are more."""
        return 1 if self.count == 2 else None

    @property
    def ranked(self) -> tuple[int, ...]:
        """Classes whose ranking against the rest counts: the positive one, or every class."""
        return tuple(range(self.count)) if self.positive is None else (self.positive,)

    def summary(self, values_rk: Array, counted_rk: Array) -> Array:
        """One value per row, float64 (r,): the positive class's, or the mean over the classes that count.

        Args:
            values_rk: float64 (r, k), by class. counted_rk: bool (r, k), whether a class counts.
        """
        if self.positive is None:
            return mean_where(values_rk, counted_rk)
        return np.asarray(values_rk[:, self.positive])

    def called(self, y_prob: Array) -> Array:
        """Called class of each image, int64 (n,): see `calls`."""
        if self.positive is None:
            return np.asarray(y_prob.argmax(axis=1), dtype=np.int64)
        return np.asarray(y_prob[:, self.positive] >= 0.5, dtype=np.int64)

    def squared_errors(self, errors_nk: Array) -> Array:
        """Squared error of each image, float64 (n,): of the positive class, or summed over the classes."""
        squares_nk = errors_nk**2
        return np.asarray(squares_nk.sum(axis=1) if self.positive is None else squares_nk[:, self.positive])


def calls(y_prob: Array) -> Array:
    """Called class of each image, int64 (n,): of two classes 1 where its probability >= 0.5, else the most probable.

    Args:
        y_prob: float (n, k), probabilities by class.

    Source: the `wen` study, a probability of exactly 0.5 is class 1.
    """
    return ClassScheme(y_prob.shape[1]).called(y_prob)


def check_predictions(y_true: Array, y_prob: Array, where: str = "predictions") -> None:
    """Refuse what cannot be scored.

    Args:
        y_true: int (n,), class of each image. y_prob: float (n, k), probabilities by class.

    Raises:
        DataError: no image, other shapes, a probability out of range, rows that do not sum to 1, or a label out of
            range.
    """
    n, k = y_prob.shape
    if n == 0 or n != len(y_true) or k < 2:
        raise DataError(f"{where}: expected (n, k >= 2) probabilities for n labels, got {(n, k)} for {len(y_true)}.")
    if not np.isfinite(y_prob).all() or y_prob.min() < 0 or y_prob.max() > 1 + 1e-6:
        raise DataError(f"{where}: expected probabilities from 0 to 1, found others. Are these logits?")
    if np.abs(y_prob.sum(axis=1) - 1).max() > 1e-3:
        raise DataError(f"{where}: expected the probabilities of an image to sum to 1, found a sum that does not.")
    if y_true.min() < 0 or y_true.max() >= k:
        raise DataError(
            f"{where}: expected labels from 0 to {k - 1}, found {int(y_true.min())} to {int(y_true.max())}."
        )


def divide(numerator: Array, denominator: Array, otherwise: float) -> Array:
    """Quotient; `otherwise` where the denominator is not above rounding."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator > 1e-12))


def mean_where(values: Array, where: Array) -> Array:
    """Mean over the last axis of the values that count; NaN where none does."""
    counted = np.where(where, values, 0.0).sum(axis=-1)
    return divide(counted, where.sum(axis=-1).astype(float), np.nan)

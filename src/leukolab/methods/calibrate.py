"""Decision values to probabilities: Platt's scaling, its two numbers fitted on images that were not learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Probabilities are softmax(slope * scores + offset_k).

    Source: Platt 1999, "Probabilistic outputs for support vector machines"; Guo et al. 2017 for several classes.
    """

    slope: float
    offset_k: tuple[float, ...]

    def __call__(self, scores_nk: Floats) -> Floats:
        """Probabilities float64 (n, k)."""
        return np.asarray(softmax(self.slope * scores_nk + np.asarray(self.offset_k), axis=1))


def fit_scale(scores_nk: Floats, labels: NDArray[np.int64], weights: Floats) -> Scale:
    """The slope and the offsets of least weighted log loss.

    Args:
        scores_nk: decision values float64 (n, k) of images that were not learned from.
        labels: int64 (n,). weights: float64 (n,).
    """
    from scipy.optimize import minimize

    classes, share = scores_nk.shape[1], weights / weights.sum()

    def loss(parameters: Floats) -> float:
        logits = np.exp(parameters[0]) * scores_nk + np.append(0.0, parameters[1:])
        return float(-(share * log_softmax(logits, axis=1)[np.arange(len(labels)), labels]).sum())

    found = minimize(loss, np.zeros(classes), method="L-BFGS-B", bounds=[(-5, 5)] + [(-10, 10)] * (classes - 1)).x
    return Scale(float(np.exp(found[0])), (0.0, *map(float, found[1:])))

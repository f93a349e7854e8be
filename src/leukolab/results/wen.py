"""The Weighted Ensemble of Networks itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

DECIMALS = 12
"""Mixtures are rounded so far: members that all say exactly 0.5 mix to exactly 0.5."""


def wen_weights(scores_m: Array) -> Array:
    """Weights w_k = M_k / sum of M_i from one score a member.

    Args:
        scores_m: float64 (m,); a score of 0 or below, or none (NaN), counts as 0.

    Returns:
        float64 (m,), non-negative, sums to 1; equal where no member scores above 0.

    Source: Mondal et al. 2021, eq. 1; the `wen` study, Weighted Ensemble of Networks.
    """
    scores = np.nan_to_num(np.asarray(scores_m, dtype=np.float64), nan=0.0)
    kept = np.maximum(scores, 0.0)
    if kept.sum() <= 0:
        return np.full(len(kept), 1 / len(kept))
    return np.asarray(kept / kept.sum())


def wen_mix(probs_mnk: Array, weights_m: Array) -> Array:
    """P_final = sum of w_k P_k.

    Args:
        probs_mnk: float (m, n, k), probabilities of each member. weights_m: float64 (m,), sums to 1.

    Returns:
        float64 (n, k), rows sum to 1.
    """
    mixed_nk = np.tensordot(np.asarray(weights_m, dtype=np.float64), np.asarray(probs_mnk, dtype=np.float64), axes=1)
    return np.asarray(np.round(mixed_nk, DECIMALS))

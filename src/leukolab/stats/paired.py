"""The difference of two members on the same subjects: its interval, its test, and what such a test can find at all.

D is the mean over classes of the mean difference of recall over subjects. Its variance V adds up over classes,
s^2 / G each; where a subject has images of several classes, its shares in them are added before they are squared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import stdtr, stdtrit

from leukolab.base.streams import stream
from leukolab.stats.classes import Array

ALPHA = 0.05
"""Level of the tests, of all comparisons together."""
POWER = 0.8
"""Chance to find the minimum detectable difference."""
FLIPS = 10_000
"""Sign patterns at the most: all 2^G where these are no more, else so many, the observed one among them."""
SMALLEST = 1e-12
"""Variance below which the differences of subjects do not differ but for rounding."""


@dataclass(frozen=True)
class Paired:
    """A difference of balanced accuracy by subject and what is known about it."""

    difference: float
    error: float
    """Standard error."""
    degrees: float
    """Degrees of freedom of Student's t."""
    p_value: float

    @property
    def low(self) -> float:
        """Low end of the 95 % interval D - t sqrt(V)."""
        return self.difference - float(stdtrit(self.degrees, 1 - ALPHA / 2)) * self.error

    @property
    def high(self) -> float:
        """High end of the 95 % interval D + t sqrt(V)."""
        return self.difference + float(stdtrit(self.degrees, 1 - ALPHA / 2)) * self.error

    def detectable(self, alpha: float = ALPHA) -> float:
        """The true difference that a two-sided test at level `alpha` finds 8 times in 10.

        Source: Bloom 1995, "Minimum detectable effects", Evaluation Review 19.
        """
        reach = stdtrit(self.degrees, 1 - alpha / 2) + stdtrit(self.degrees, POWER)
        return float(reach) * self.error


def paired_difference(
    first_gk: Array, second_gk: Array, weight_gk: Array, extra_variance: float = 0.0, seed: int = 0
) -> Paired:
    """The difference of two members by subject, tested by the studentised sign-flip: one sign per subject.

    Args:
        first_gk: recalls float64 (g, k) of subject g in class k; see `Recalls`. second_gk: those of the other.
        weight_gk: float64 (g, k), columns sum to 1.
        extra_variance: variance that other trainings would add, which the subjects' differences do not show.
        seed: of the sign patterns, where not all are tried.

    Source: Canay, Romano and Shaikh 2017, Econometrica 85 (signs by cluster); Phipson and Smyth 2010 (the identity
    among random patterns).
    """
    d_gk = np.asarray(first_gk) - np.asarray(second_gk)
    difference, variance, degrees = moments(d_gk, weight_gk)
    error = float(np.sqrt(variance + extra_variance))
    observed = abs(difference) / np.sqrt(max(variance, SMALLEST) + extra_variance)
    flipped_r = _flipped(d_gk, weight_gk, seed)
    p_value = float((flipped_r >= observed * (1 - 1e-9) - 1e-12).mean())
    return Paired(difference, error, degrees, p_value)


def moments(d_gk: Array, weight_gk: Array) -> tuple[float, float, float]:
    """Difference, its variance and Satterthwaite's degrees of freedom, of differences by subject float64 (g, k).

    Source: Satterthwaite 1946; Bell and McCaffrey 2002 (the residuals' scale where subjects weigh unequally).
    """
    parts_gk = residuals(d_gk, weight_gk)
    variance_k, degrees_k = (parts_gk**2).sum(axis=0), 1 / (weight_gk**2).sum(axis=0) - 1
    below = float((variance_k**2 / np.maximum(degrees_k, 1e-12)).sum())
    degrees = variance_k.sum() ** 2 / below if below > 0 else degrees_k.min()
    most = int((weight_gk > 0).any(axis=1).sum()) - 1
    variance = float((parts_gk.sum(axis=1) ** 2).sum())
    return float((weight_gk * d_gk).sum(axis=0).mean()), variance, float(min(degrees, most))


def residuals(d_gk: Array, weight_gk: Array) -> Array:
    """What each subject adds to the difference beyond the mean of its class, float64 (g, k), scaled without bias."""
    return np.asarray(_scale(weight_gk) * (d_gk - (weight_gk * d_gk).sum(axis=0)))


def t_p_value(difference: float, error: float, degrees: float) -> float:
    """Two-sided p of no difference by Student's t."""
    return float(2 * stdtr(degrees, -abs(difference) / max(error, SMALLEST)))


def _scale(weight_gk: Array) -> Array:
    """Weight of each subject over the square root of what its residual lacks, divided by the number of classes."""
    lacking_gk = 1 - 2 * weight_gk + (weight_gk**2).sum(axis=0)
    return np.asarray(weight_gk / np.sqrt(np.maximum(lacking_gk, 1e-12)) / weight_gk.shape[1])


def _flipped(d_gk: Array, weight_gk: Array, seed: int) -> Array:
    """|T| of every sign pattern, float64 (r,), each with the variance of the differences so turned."""
    signs_rg, scale_gk = _signs(len(d_gk), seed), _scale(weight_gk)
    own_g = (scale_gk * d_gk).sum(axis=1)
    means_rk = signs_rg @ (weight_gk * d_gk)
    crossed_rk = signs_rg @ (own_g[:, None] * scale_gk)
    centred_r = np.einsum("rk,kl,rl->r", means_rk, scale_gk.T @ scale_gk, means_rk)
    variance_r = (own_g**2).sum() - 2 * (means_rk * crossed_rk).sum(axis=1) + centred_r
    return np.asarray(np.abs(means_rk.mean(axis=1)) / np.sqrt(np.maximum(variance_r, SMALLEST)))


@lru_cache(maxsize=2)
def _signs(subjects: int, seed: int) -> Array:
    """Sign patterns float64 (r, g); the first is the observed one."""
    if 2**subjects <= FLIPS:
        bits_rg = np.arange(2**subjects)[:, None] >> np.arange(subjects) & 1
        return 1.0 - 2.0 * bits_rg
    signs_rg = stream(seed, "sign flip").choice([-1.0, 1.0], (FLIPS, subjects))
    signs_rg[0] = 1.0
    return signs_rg

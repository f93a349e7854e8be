"""Differences between settings that were trained fold by fold: folds as a random factor, crossed with subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leukolab.stats.classes import Array
from leukolab.stats.paired import Paired, moments, residuals, t_p_value


def fold_difference(first_fgk: Array, second_fgk: Array, weight_gk: Array) -> Paired:
    """Mean difference of two settings over their fold models, for other trainings on these subjects as well.

    Args:
        first_fgk: recalls float64 (f, g, k), of the model of fold f on subject g in class k. second_fgk: the other's.
        weight_gk: float64 (g, k), columns sum to 1.

    Source: Obuchowski and Rockette 1995, Communications in Statistics 24; degrees of freedom: Hillis 2007, Statistics
    in Medicine 26.
    """
    d_fgk = np.asarray(first_fgk) - np.asarray(second_fgk)
    difference, variance, degrees = moments(d_fgk.mean(axis=0), weight_gk)
    spread, covariance_ff = _folds(d_fgk, weight_gk)
    folds = len(d_fgk)
    of_folds, of_subjects = spread / folds, max(0.0, _between(covariance_ff))
    total = of_folds + of_subjects
    if total > 0:
        degrees = total**2 / (of_folds**2 / (folds - 1) + of_subjects**2 / degrees)
    error = float(np.sqrt(max(total, variance)))
    return Paired(difference, error, float(degrees), t_p_value(difference, error, float(degrees)))


def training_variance(recalls_sfgk: Sequence[Array], weight_gk: Array) -> float | None:
    """Variance of balanced accuracy from one training of a model to the next; None where nothing tells it.

    Args:
        recalls_sfgk: of each setting, the recalls float64 (f, g, k) of its fold models; all with the same folds.

    Half the spread of the difference of two settings over folds, less what the choice of subjects explains of it.
    """
    found = []
    for second in range(len(recalls_sfgk)):
        for first in range(second):
            if len(recalls_sfgk[first]) > 1:
                spread, covariance_ff = _folds(recalls_sfgk[first] - recalls_sfgk[second], weight_gk)
                found.append((spread - np.diag(covariance_ff).mean() + _between(covariance_ff)) / 2)
    return max(0.0, float(np.mean(found))) if found else None


def _folds(d_fgk: Array, weight_gk: Array) -> tuple[float, Array]:
    """Variance of the folds' differences, and their covariance over subjects, float64 (f, f)."""
    means_f = (weight_gk * d_fgk).sum(axis=1).mean(axis=1)
    parts_fg = np.stack([residuals(d_gk, weight_gk).sum(axis=1) for d_gk in d_fgk])
    return float(means_f.var(ddof=1)), parts_fg @ parts_fg.T


def _between(covariance_ff: Array) -> float:
    """Mean covariance of two different folds."""
    return float(covariance_ff[~np.eye(len(covariance_ff), dtype=bool)].mean())

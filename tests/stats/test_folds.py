"""Folds crossed with subjects, by hand on tiny tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from leukolab.stats.folds import fold_difference, training_variance
from leukolab.stats.paired import moments

RNG = np.random.default_rng(3)
G0, G1, J = 4, 5, 3
WEIGHT_GK = np.zeros((G0 + G1, 2))
WEIGHT_GK[:G0, 0], WEIGHT_GK[G0:, 1] = 1 / G0, 1 / G1


def recalls(noise: float = 0.1) -> np.ndarray:
    """Recalls of one setting, (j, g, 2), of subjects with one class each."""
    return RNG.normal(0.7, noise, (J, G0 + G1, 2)) * (WEIGHT_GK > 0)


def test_obuchowski_and_rockette_by_hand() -> None:
    first, second = recalls(), recalls()
    d = first - second
    by_fold = np.array([(d[f, :G0, 0].mean() + d[f, G0:, 1].mean()) / 2 for f in range(J)])
    covariance = (np.cov(d[:, :G0, 0]) / G0 + np.cov(d[:, G0:, 1]) / G1) / 4
    a = by_fold.var(ddof=1) / J
    b = max(0.0, np.mean([covariance[i, j] for i in range(J) for j in range(J) if i != j]))
    _, variance, degrees = moments(d.mean(axis=0), WEIGHT_GK)
    found = fold_difference(first, second, WEIGHT_GK)
    assert found.difference == pytest.approx(by_fold.mean())
    assert found.error**2 == pytest.approx(max(a + b, variance))
    assert found.degrees == pytest.approx((a + b) ** 2 / (a**2 / (J - 1) + b**2 / degrees))
    t = abs(by_fold.mean()) / found.error
    assert found.p_value == pytest.approx(2 * scipy_stats.t.sf(t, found.degrees))


def test_the_variance_of_the_mean_is_the_mean_covariance() -> None:
    d = recalls()
    covariance = (np.cov(d[:, :G0, 0]) / G0 + np.cov(d[:, G0:, 1]) / G1) / 4
    assert moments(d.mean(axis=0), WEIGHT_GK)[1] == pytest.approx(covariance.mean())


def test_folds_that_agree_leave_the_subjects_alone() -> None:
    """Without spread over folds A is 0: the test is the one by subject."""
    d = np.repeat(recalls()[:1], J, axis=0)
    found = fold_difference(d, np.zeros_like(d), WEIGHT_GK)
    difference, variance, degrees = moments(d[0], WEIGHT_GK)
    assert (found.difference, found.error**2) == (pytest.approx(difference), pytest.approx(variance))
    assert found.degrees == pytest.approx(degrees)


def test_folds_that_disagree_count_as_few() -> None:
    """Where all of the spread lies between folds, there are no more than J - 1 degrees of freedom."""
    shift = np.array([-0.1, 0.0, 0.2])[:, None, None] * (WEIGHT_GK > 0)
    found = fold_difference(shift, np.zeros_like(shift), WEIGHT_GK)
    assert found.degrees == pytest.approx(J - 1)
    assert found.error**2 == pytest.approx(np.var([-0.1, 0.0, 0.2], ddof=1) / J)


def test_training_variance_by_hand() -> None:
    """A model's own shift is all there is: half the variance of the differences of two settings, mean over pairs."""
    shifts = np.array([[0.0, 0.02, 0.04], [0.01, -0.01, 0.0], [0.0, 0.0, 0.03]])
    settings = [shift[:, None, None] * (WEIGHT_GK > 0) for shift in shifts]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = np.mean([(shifts[i] - shifts[j]).var(ddof=1) / 2 for i, j in pairs])
    assert training_variance(settings, WEIGHT_GK) == pytest.approx(expected)


def test_what_subjects_explain_is_no_training_variance() -> None:
    """On the mean of many draws the estimate is that which was put in."""
    rng, sd = np.random.default_rng(0), 0.03
    found = []
    for _ in range(300):
        settings = [
            (rng.normal(0, 0.1, (5, G0 + G1, 1)) + rng.normal(0, sd, (5, 1, 1))) * (WEIGHT_GK > 0) for _ in range(3)
        ]
        found.append(training_variance(settings, WEIGHT_GK))
    assert np.mean(found) == pytest.approx(sd**2, rel=0.35)


def test_one_setting_or_one_fold_tells_nothing_of_trainings() -> None:
    assert training_variance([recalls()], WEIGHT_GK) is None
    assert training_variance([recalls()[:1], recalls()[:1]], WEIGHT_GK) is None
    assert training_variance([], WEIGHT_GK) is None

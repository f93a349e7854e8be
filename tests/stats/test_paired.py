"""Differences by subject: by hand, against scipy's tests, and against every sign pattern tried one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from leukolab.base.errors import DataError
from leukolab.stats import METRICS, paired_difference, subject_recalls, subject_weights
from leukolab.stats.paired import FLIPS, moments


def one_class_each(d_0: list[float], d_1: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Differences (g, 2) and weights (g, 2) of subjects that have one class each."""
    g0, g1 = len(d_0), len(d_1)
    d_gk, weight_gk = np.zeros((g0 + g1, 2)), np.zeros((g0 + g1, 2))
    d_gk[:g0, 0], d_gk[g0:, 1] = d_0, d_1
    weight_gk[:g0, 0], weight_gk[g0:, 1] = 1 / g0, 1 / g1
    return d_gk, weight_gk


D_0, D_1 = [0.1, 0.3, -0.1, 0.2], [0.0, 0.4, 0.1]


def test_difference_and_variance_by_hand() -> None:
    """Means 0.125 and 1/6, variances 0.0875 / 3 and 0.13 / 3 (about 4 and 3 subjects)."""
    difference, variance, degrees = moments(*one_class_each(D_0, D_1))
    v_0, v_1 = 0.0875 / 3 / 4 / 4, 0.26 / 3 / 2 / 3 / 4
    assert difference == pytest.approx((0.125 + 1 / 6) / 2)
    assert variance == pytest.approx(v_0 + v_1)
    assert degrees == pytest.approx((v_0 + v_1) ** 2 / (v_0**2 / 3 + v_1**2 / 2))


def test_interval_is_that_of_welch() -> None:
    """The sum of two means is the difference of one and the other turned: Welch's interval, half as wide."""
    d_gk, weight_gk = one_class_each(D_0, D_1)
    found = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    welch = scipy_stats.ttest_ind(D_0, [-d for d in D_1], equal_var=False)
    low, high = welch.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(low / 2), pytest.approx(high / 2))
    assert found.degrees == pytest.approx(welch.df)


def test_one_class_is_the_t_test_of_one_sample() -> None:
    d_gk, weight_gk = np.array(D_0)[:, None], np.full((4, 1), 0.25)
    found = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    low, high = scipy_stats.ttest_1samp(D_0, 0).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def brute_force(d_0: list[float], d_1: list[float]) -> float:
    """Share of the sign patterns whose |t| is that of the data or more, each pattern computed by itself."""

    def t(first: np.ndarray, second: np.ndarray) -> float:
        variance = (first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)) / 4
        return abs(first.mean() + second.mean()) / 2 / np.sqrt(max(variance, 1e-12))

    own = t(np.array(d_0), np.array(d_1))
    signs = np.array(list(product((1.0, -1.0), repeat=len(d_0) + len(d_1))))
    turned = [t(pattern[: len(d_0)] * d_0, pattern[len(d_0) :] * d_1) for pattern in signs]
    return float(np.mean(np.array(turned) >= own * (1 - 1e-9)))


@pytest.mark.parametrize(
    ("d_0", "d_1"),
    [(D_0, D_1), ([0.2, 0.3, 0.25, 0.4], [0.1, 0.3, 0.2, 0.15]), ([0.1, 0.0, 0.0], [0.0, 0.0, 0.0])],
)
def test_sign_flips_are_those_of_brute_force(d_0: list[float], d_1: list[float]) -> None:
    d_gk, weight_gk = one_class_each(d_0, d_1)
    found = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    assert found.p_value == pytest.approx(brute_force(d_0, d_1))


def test_all_patterns_of_few_subjects_a_sample_of_many() -> None:
    """The least p of all 2^8 patterns is that of the data and of all signs turned, 2 / 256."""
    few = one_class_each([0.20, 0.21, 0.19, 0.22], [0.20, 0.18, 0.21, 0.20])
    assert paired_difference(few[0], np.zeros_like(few[0]), few[1]).p_value == 2 / 256
    rng = np.random.default_rng(0)
    many = one_class_each(list(rng.normal(0.5, 0.01, 20)), list(rng.normal(0.5, 0.01, 20)))
    assert paired_difference(many[0], np.zeros_like(many[0]), many[1]).p_value == 1 / FLIPS


def test_no_difference_at_all_has_p_of_one() -> None:
    d_gk, weight_gk = one_class_each([0.0] * 5, [0.0] * 5)
    found = paired_difference(d_gk, d_gk, weight_gk)
    assert (found.difference, found.p_value, found.low, found.high) == (0, 1, 0, 0)


def test_variance_of_trainings_widens_and_weakens() -> None:
    d_gk, weight_gk = one_class_each([0.2, 0.3, 0.25, 0.4], [0.1, 0.3, 0.2, 0.15])
    plain = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    wide = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk, extra_variance=0.01)
    assert wide.error == pytest.approx(np.sqrt(plain.error**2 + 0.01))
    assert wide.p_value > plain.p_value
    assert wide.high - wide.low > plain.high - plain.low


def test_minimum_detectable_difference_by_hand() -> None:
    d_gk, weight_gk = one_class_each(D_0, D_1)
    found = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    t = scipy_stats.t(found.degrees)
    assert found.detectable() == pytest.approx((t.ppf(0.975) + t.ppf(0.8)) * found.error)
    assert found.detectable(0.005) == pytest.approx((t.ppf(0.9975) + t.ppf(0.8)) * found.error)


def test_recalls_by_subject_by_hand() -> None:
    """Subject a has 2 of 4 right, b 1 of 1, c two images of each class and one right of each."""
    labels = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1])
    called = np.array([0, 0, 1, 1, 1, 0, 1, 1, 0])
    groups = list("aaaabcccc")
    probs = np.eye(2)[called]
    recalls = subject_recalls(labels, {"m": probs}, None, np.array(groups))
    np.testing.assert_allclose(recalls.recall_mgk[0], [[0.5, 0], [0, 1], [0.5, 0.5]])
    np.testing.assert_allclose(recalls.weight_gk, [[1 / 1.5, 0], [0, 1 / 1.5], [0.5 / 1.5, 0.5 / 1.5]])
    assert recalls.subjects_k.tolist() == [2, 2]
    weights = subject_weights(np.ones(9), np.array(groups))
    value = (recalls.weight_gk * recalls.recall_mgk[0]).sum(axis=0).mean()
    assert value == pytest.approx(METRICS["balanced_accuracy"](labels, probs, weights))


def test_a_subject_with_both_classes_counts_once() -> None:
    """Its two differences have one sign: what they share is no chance, and G - 1 degrees of freedom are the most."""
    d = np.array([0.1, 0.3, -0.1, 0.2, 0.4])
    d_gk, weight_gk = np.stack([d, d], axis=1), np.full((5, 2), 0.2)
    found = paired_difference(d_gk, np.zeros_like(d_gk), weight_gk)
    one = paired_difference(d[:, None], np.zeros((5, 1)), np.full((5, 1), 0.2))
    assert (found.error, found.degrees) == (pytest.approx(one.error), pytest.approx(4))
    assert found.p_value == pytest.approx(one.p_value)


def test_an_unknown_member_is_named() -> None:
    recalls = subject_recalls(np.array([0, 1]), {"m": np.eye(2)}, None, np.array(["a", "b"]))
    with pytest.raises(DataError, match="'nobody'"):
        recalls.mean_of(["nobody"])

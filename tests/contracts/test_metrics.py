"""Properties that every metric has, and values computed by hand."""

import numpy as np
import pytest

from leukolab.report.chosen import metrics_of, wide
from leukolab.report.texts import load_texts
from leukolab.stats import METRICS, Metric, calls, make_replicates, score_table, scores
from leukolab.stats.draws import Draws

EVERY = pytest.mark.parametrize("name", list(METRICS))


def cells(seed, k=2, n=60, coarse=False):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(k), n)
    if coarse:
        probs = np.round(probs[:, :1], 1)
        probs = np.hstack([1 - probs, probs]) if k == 2 else np.hstack([probs, *[(1 - probs) / (k - 1)] * (k - 1)])
    return rng.integers(0, k, n), probs, rng.integers(0, 4, n).astype(float)


# Ten cells by hand: TP 3 (p .9 .8 .5), FN 1 (.3), FP 2 (.7 .6), TN 4 (.4 .2 .2 .1)
P1 = np.array([0.9, 0.8, 0.5, 0.3, 0.7, 0.6, 0.4, 0.2, 0.2, 0.1])
LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
BY_HAND = {
    "accuracy": 0.7,
    "balanced_accuracy": (3 / 4 + 4 / 6) / 2,
    "precision": 3 / 5,
    "recall": 3 / 4,
    "sensitivity": 3 / 4,
    "specificity": 4 / 6,
    "f1": 6 / 9,
    "f1_macro": (6 / 9 + 8 / 11) / 2,
    "f1_weighted": 0.4 * 6 / 9 + 0.6 * 8 / 11,
    "kappa": (0.7 - 0.5) / (1 - 0.5),
    "mcc": (3 * 4 - 2 * 1) / np.sqrt(5 * 4 * 6 * 5),
    "log_loss": -np.log([0.9, 0.8, 0.5, 0.3, 0.3, 0.4, 0.6, 0.8, 0.8, 0.9]).mean(),
    "brier": (0.01 + 0.04 + 0.25 + 0.49 + 0.49 + 0.36 + 0.16 + 0.04 + 0.04 + 0.01) / 10,
    # pairs won: .9 and .8 win 6 each, .5 wins 4, .3 wins 3
    "auc": 19 / 24,
    # precision at each hit: 1, 1, 3/5, 4/7
    "ap": (1 + 1 + 3 / 5 + 4 / 7) / 4,
}


@EVERY
def test_by_hand(name):
    assert METRICS[name](LABELS, np.stack([1 - P1, P1], axis=1)) == pytest.approx(BY_HAND[name])


THREE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]])
THREE_LABELS = np.array([0, 0, 1, 2])
THREE_BY_HAND = {
    "accuracy": 3 / 4,
    "balanced_accuracy": (1 / 2 + 1 + 1) / 3,
    "precision": (1 + 1 / 2 + 1) / 3,
    "recall": (1 / 2 + 1 + 1) / 3,
    "sensitivity": (1 / 2 + 1 + 1) / 3,
    "specificity": (1 + 2 / 3 + 1) / 3,
    "f1": (2 / 3 + 2 / 3 + 1) / 3,
    "f1_macro": (2 / 3 + 2 / 3 + 1) / 3,
    "f1_weighted": (2 * 2 / 3 + 2 / 3 + 1) / 4,
    "kappa": (3 / 4 - 5 / 16) / (1 - 5 / 16),
    "mcc": (3 * 4 - 5) / np.sqrt((16 - 6) * (16 - 6)),
    "log_loss": -np.log([0.8, 0.2, 0.6, 0.4]).mean(),
    "brier": (0.06 + 1.14 + 0.26 + 0.54) / 4,
    # class 0: .8 .2 against .1 .3: 3 of 4; class 1: .6 against .1 .7 .3: 2 of 3; class 2: .4 against .1 .1 .3: 3 of 3
    "auc": (3 / 4 + 2 / 3 + 1) / 3,
    "ap": ((1 + 2 / 3) / 2 + 1 / 2 + 1) / 3,
}


@EVERY
def test_three_classes_by_hand(name):
    assert METRICS[name](THREE_LABELS, THREE) == pytest.approx(THREE_BY_HAND[name])


@EVERY
@pytest.mark.parametrize("k", [2, 3, 4])
def test_bounds(name, k):
    for seed in range(20):
        value = METRICS[name](*cells(seed, k))
        assert METRICS[name].lowest <= value <= METRICS[name].highest


@EVERY
@pytest.mark.parametrize("k", [2, 4])
def test_a_perfect_prediction_is_the_best(name, k):
    labels = np.arange(20) % k
    metric = METRICS[name]
    best = metric(labels, np.eye(k)[labels])
    assert best == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=1e-12)
    _, probs, _ = cells(3, k, 20)
    worse = metric(labels, probs)
    assert worse < best if metric.higher_is_better else worse > best


@EVERY
@pytest.mark.parametrize("k", [2, 3])
def test_weights_are_repetitions(name, k):
    for seed in range(5):
        labels, probs, weights = cells(seed, k, coarse=seed % 2 == 0)
        times = weights.astype(int)
        repeated = METRICS[name](np.repeat(labels, times), np.repeat(probs, times, axis=0))
        assert METRICS[name](labels, probs, weights) == pytest.approx(repeated)


@EVERY
def test_order_does_not_matter(name):
    labels, probs, weights = cells(5, 3)
    order = np.random.default_rng(1).permutation(len(labels))
    turned = METRICS[name](labels[order], probs[order], weights[order])
    assert turned == pytest.approx(METRICS[name](labels, probs, weights))


@EVERY
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("call", [0, 1])
def test_one_class_alone_gives_a_number_or_none_and_no_warning(name, label, call):
    value = METRICS[name](np.full(6, label), np.eye(2)[np.full(6, call)] * 0.8 + 0.1)
    assert np.isnan(value) or METRICS[name].lowest <= value <= METRICS[name].highest
    if name in ("auc", "ap"):
        assert np.isnan(value)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("coarse", [False, True])
def test_scikit_learn_gives_the_same(k, coarse, oracle):
    """In every replicate, for random weights, ties and absent classes too; and for everything counted once."""
    labels, probs, weights = cells(11, k, 40, coarse)
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 9, 40)
    times = rng.integers(0, 3, (30, 9)).astype(float)
    times[:, 0] += 1
    times[0] = np.arange(9) == codes[np.flatnonzero(weights)[0]]
    draws = Draws(labels, probs, weights, codes, times)
    assert set(oracle) == set(METRICS)
    for name, metric in METRICS.items():
        expected = [oracle[name](labels, probs, at_observed_prevalence(labels, weights, row[codes])) for row in times]
        np.testing.assert_allclose(metric.function(draws), expected, atol=1e-9, err_msg=name)
        assert metric(labels, probs, weights) == pytest.approx(oracle[name](labels, probs, weights))


def at_observed_prevalence(labels, weights, times):
    """Weights times how often each image counts, brought to the weight that each class has in the data."""
    drawn = weights * times
    for label in np.unique(labels):
        own = labels == label
        if drawn[own].sum() > 0:
            drawn[own] *= weights[own].sum() / drawn[own].sum()
    return drawn


@EVERY
def test_every_metric_has_a_label(name):
    assert f"metrics.{name}" in load_texts().entries


def test_a_metric_is_added_by_its_function_and_its_line(monkeypatch):
    """Scores, intervals, searches and tables of the report take it from `METRICS`; its label is a text."""
    youden = Metric("youden", "calls", True, lambda d: METRICS["recall"].function(d) * 2 - 1, -1, 1)
    monkeypatch.setitem(METRICS, "youden", youden)
    labels, probs, weights = cells(1, 2)
    assert scores(labels, probs, weights)["youden"] == youden(labels, probs, weights)
    table = score_table(labels, probs, weights, "image", make_replicates(labels, np.arange(60), 50, 1))
    row = table.set_index("metric").loc["youden"]
    assert row["low"] <= row["value"] <= row["high"]
    shown = wide(table.assign(protocol="corrected", outer=1, kind="model", member="a"))
    assert metrics_of(table)[-1] == "youden"
    assert shown["youden"].item() == row["value"]


def test_half_is_class_1():
    assert calls(np.array([[0.5, 0.5], [0.5000001, 0.4999999]])).tolist() == [1, 0]
    assert calls(np.array([[0.4, 0.4, 0.2]])).tolist() == [0]

import numpy as np
import pytest
from sklearn.metrics import classification_report as sk_report

from leukolab.stats import METRICS, calls, classification_report, confusion, pr_points, roc_points

RNG = np.random.default_rng(4)
PROBS = RNG.dirichlet(np.ones(3), 80)
LABELS = RNG.integers(0, 3, 80)
WEIGHTS = RNG.integers(0, 3, 80).astype(float)


def test_the_area_under_the_points_is_the_auc():
    p = PROBS[:, :2] / PROBS[:, :2].sum(axis=1, keepdims=True)
    labels = (LABELS > 0).astype(int)
    points = roc_points(labels, p, WEIGHTS)
    area = np.trapezoid(points["true_positive_rate"], points["false_positive_rate"])
    assert area == pytest.approx(METRICS["auc"](labels, p, WEIGHTS))
    assert (points.iloc[0][:2] == 0).all()
    assert (points.iloc[-1][:2] == 1).all()


def test_pr_points_begin_with_everything_called():
    points = pr_points(LABELS, PROBS, WEIGHTS, label=2)
    assert points["recall"].iloc[0] == 1
    assert points[["recall", "precision"]].iloc[-1].tolist() == [0, 1]
    steps = -np.diff(points["recall"]) * points["precision"].iloc[:-1]
    assert 0 < steps.sum() < 1


def test_one_side_missing_gives_no_points():
    assert roc_points(np.zeros(80, dtype=int), PROBS, WEIGHTS).empty
    assert pr_points(np.zeros(80, dtype=int), PROBS, WEIGHTS).empty


def test_confusion_counts_weights():
    matrix = confusion(LABELS, PROBS, WEIGHTS)
    assert matrix.sum() == WEIGHTS.sum()
    called = calls(PROBS)
    assert matrix[1, 2] == WEIGHTS[(LABELS == 1) & (called == 2)].sum()


def test_the_report_agrees_with_scikit_learn():
    names = ("a", "b", "c")
    ours = classification_report(LABELS, PROBS, WEIGHTS, names).set_index("class")
    theirs = sk_report(LABELS, calls(PROBS), target_names=names, sample_weight=WEIGHTS, output_dict=True)
    for ours_name, name in [*zip(names, names, strict=True), ("macro", "macro avg"), ("weighted", "weighted avg")]:
        row = [theirs[name][column] for column in ("precision", "recall", "f1-score", "support")]
        assert ours.loc[ours_name].tolist() == pytest.approx(row)


def test_an_absent_class_counts_in_no_mean():
    report = classification_report(np.array([0, 1]), np.eye(3)[[0, 1]], np.ones(2), ("a", "b", "c")).set_index("class")
    assert np.isnan(report.loc["c", "recall"])
    assert report.loc["macro", "f1"] == 1

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding, findings_from_text
from leukolab.report.texts import load_texts
from leukolab.stats import (
    METRICS,
    confusion,
    effective_subjects,
    image_weights,
    make_replicates,
    mean_score_table,
    score_table,
    subject_weights,
)
from leukolab.stats.intervals import EARLIER, interval, metric_ends

MANY = 20_000
"""Replicates where an end is compared with its exact value; the error is about 0.003."""
LOSSES = ("log_loss", "brier")


def cohort(groups=40, per_group=10, seed=0):
    """Subjects whose hardness differs: groups matter."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"S{number}" for number in range(groups)], per_group)
    labels = np.repeat(np.arange(groups) % 2, per_group)
    shift = np.repeat(rng.normal(0.8, 0.8, groups), per_group)
    logits = (2 * labels - 1) * shift + rng.normal(0, 0.5, len(labels))
    p1 = 1 / (1 + np.exp(-logits))
    return labels, np.stack([1 - p1, p1], axis=1), names


def perfect(counts, per_group=4):
    """As many subjects of each class, every image of whom is called right, and surely."""
    labels = np.repeat(np.repeat(np.arange(len(counts)), counts), per_group)
    names = np.repeat([f"S{number}" for number in range(sum(counts))], per_group)
    return labels, np.eye(len(counts))[labels], names


def by_subject(labels, probs, names, replicates=MANY):
    weights = subject_weights(np.ones(len(labels)), names)
    table = score_table(labels, probs, weights, "subject", make_replicates(labels, names, replicates, 1))
    return table.set_index("metric")


def codes(table):
    return [finding.code for finding in findings_from_text(table["interval"].iloc[0])]


def test_every_group_gets_a_weight_of_mean_1_in_every_replicate():
    labels, _, names = cohort(30)
    replicates = make_replicates(labels, names, 2000, 1)
    assert replicates.times_rg.shape == (2000, 30)
    assert (replicates.times_rg > 0).all()
    assert replicates.times_rg.mean() == pytest.approx(1, abs=0.02)
    assert replicates.times_rg.var() == pytest.approx(1, abs=0.05)


def test_score_table_holds_the_value_inside_its_interval():
    labels, probs, names = cohort()
    table = score_table(labels, probs, np.ones(len(labels)), "image", make_replicates(labels, names, 500, 1))
    assert table["metric"].tolist() == list(METRICS)
    assert list(table.columns) == ["metric", "unit", "value", "low", "high", "interval"]
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert set(table["unit"]) == {"image"}
    made, effective = findings_from_text(table["interval"].iloc[0])
    assert (made.code, made.values) == ("interval.extra_subject", {"groups": 40, "replicates": 500})
    assert (effective.code, effective.values) == ("interval.effective_subjects", {"effective": [20.0, 20.0]})
    assert codes(score_table(labels, probs, None, "subject", make_replicates(labels, names, 100, 1))) == [
        "interval.extra_subject"
    ]


@pytest.mark.parametrize("groups", [3, 8, 30])
def test_where_all_is_right_the_low_end_is_that_of_the_beta_distribution(groups):
    """The share of the extra subject of weight Gamma(1/4) beside G of Exp(1) has the distribution Beta(1/4, G)."""
    table = by_subject(*perfect((groups, groups)))
    assert (table.loc[["sensitivity", "specificity", "balanced_accuracy", "auc", "ap"], "high"] == 1).all()
    expected = 1 - beta.ppf(0.975, 0.25, groups)
    for name in ("sensitivity", "specificity"):
        assert table.loc[name, "low"] == pytest.approx(expected, abs=0.01)
    assert expected < table.loc["balanced_accuracy", "low"] < 1
    rng = np.random.default_rng(0)
    shares = rng.beta(0.125, groups, (2, 200_000))
    assert table.loc["auc", "low"] == pytest.approx(np.quantile((1 - shares).prod(axis=0), 0.025), abs=0.015)


def test_where_all_is_wrong_it_is_the_other_way_round():
    labels, probs, names = perfect((8, 8))
    table = by_subject(labels, 1 - probs, names)
    assert table.loc["sensitivity", "low"] == 0
    assert table.loc["sensitivity", "high"] == pytest.approx(beta.ppf(0.975, 0.25, 8), abs=0.01)
    assert table.loc["brier", "high"] == pytest.approx(1)


def test_losses_are_0_at_one_end_and_as_bad_as_a_subject_can_be_at_the_other():
    """Brier: the extra subject loses 1. Log loss: as an image called wrong with 0.99, or as the worst subject seen."""
    table = by_subject(*perfect((5, 5)))
    rng = np.random.default_rng(0)
    shares = np.quantile(rng.beta(0.25, 5, (2, 200_000)).mean(axis=0), 0.975)
    assert table.loc["brier", "low"] == pytest.approx(0)
    assert table.loc["brier", "high"] == pytest.approx(shares, abs=0.015)
    assert table.loc["log_loss", "high"] == pytest.approx(-np.log(0.01) * shares, abs=0.07)
    labels, probs, names = perfect((5, 5))
    probs[names == "S0"] = [1e-6, 1 - 1e-6]
    worst = make_replicates(labels, names, 500, 1).ends(labels, probs, None, 0.25)[0]
    losses = -np.log(probs[np.arange(len(labels)), labels])
    added = worst.mean_loss(losses, 0.0, worst_seen=True) - worst.mean_loss(losses, 0.0)
    np.testing.assert_allclose(added, worst.extra_weight_rk[:, 0] * -np.log(1e-6) / len(labels), atol=1e-12)


def test_by_image_the_extra_subject_weighs_1_of_mean_size():
    labels, probs, names = perfect((6, 6))
    weights = image_weights(np.ones(len(labels)))
    table = score_table(labels, probs, weights, "image", make_replicates(labels, names, MANY, 1)).set_index("metric")
    assert table.loc["sensitivity", "low"] == pytest.approx(1 - beta.ppf(0.975, 1, 6), abs=0.01)


def test_a_class_of_one_subject_has_an_interval_that_judges_nothing():
    """Gaffke's bound of one observation: from 2.5 % of it to 97.5 % of what is above; and the finding says so."""
    labels, probs, names = perfect((1, 7))
    table = by_subject(labels, probs, names)
    assert table.loc["specificity", "low"] == pytest.approx(0.025, abs=0.01)
    assert table.loc["sensitivity", "low"] == pytest.approx(1 - beta.ppf(0.975, 0.25, 7), abs=0.01)
    assert codes(table) == ["interval.extra_subject", "interval.one_subject"]


def test_a_class_of_two_subjects_rests_on_an_assumption():
    table = by_subject(*perfect((2, 7)), replicates=200)
    assert codes(table) == ["interval.extra_subject", "interval.two_subjects"]
    assert codes(by_subject(*perfect((3, 7)), replicates=200)) == ["interval.extra_subject"]


def test_a_subject_of_both_classes_weighs_the_same_in_both():
    """Three subjects, both classes each, one all right: recalls of both classes are the same number."""
    labels = np.tile([0, 0, 1, 1], 3)
    names = np.repeat(["a", "b", "c"], 4)
    probs = np.eye(2)[np.where(names == "a", labels, 1 - labels)]
    replicates = make_replicates(labels, names, 300, 1)
    draws = replicates.draws(labels, probs)
    np.testing.assert_allclose(METRICS["sensitivity"].function(draws), METRICS["specificity"].function(draws))
    shared = replicates.times_rg[:, 0] / replicates.times_rg.sum(axis=1)
    np.testing.assert_allclose(METRICS["sensitivity"].function(draws), shared)


def test_classes_mix_at_the_observed_prevalence():
    labels, probs, names = cohort(12)
    labels, probs, names = labels[10:], probs[10:], names[10:]
    for end in make_replicates(labels, names, 50, 1).ends(labels, probs, None, 0.25):
        np.testing.assert_allclose(end.true_rk, np.tile([50.0, 60.0], (50, 1)))
        np.testing.assert_allclose(end.total_r, 110)


def test_extra_subjects_are_ranked_last_or_first():
    """Of two images a class: AUC and AP at both ends from their definition, on weighted images."""
    labels, p1 = np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.5, 0.9])
    probs, names = np.stack([1 - p1, p1], axis=1), np.array(["a", "b", "c", "d"])
    wrong, right = make_replicates(labels, names, 5, 3).ends(labels, probs, None, 0.5)
    for end, places in ((wrong, (1.0, 0.0)), (right, (0.0, 1.0))):
        for r in range(5):
            weights = np.append(end.times_rg[r] * end.scale_rk[r, labels], end.extra_weight_rk[r])
            scores = np.append(p1, places)
            all_labels, all_probs = np.append(labels, [0, 1]), np.stack([1 - scores, scores], axis=1)
            for name in ("auc", "ap"):
                expected = METRICS[name](all_labels, all_probs, weights)
                assert METRICS[name].function(end)[r] == pytest.approx(expected), name


def test_a_wrong_extra_subject_is_called_every_other_class_alike():
    labels, probs, names = perfect((3, 3, 3))
    wrong, right = make_replicates(labels, names, 20, 1).ends(labels, probs, None, 0.25)
    for sums_rk in (right.true_rk, right.called_rk, right.hits_rk, wrong.true_rk):
        np.testing.assert_allclose(sums_rk, 12)
    np.testing.assert_allclose(right.alarms_rk, 0)
    np.testing.assert_allclose(wrong.hits_rk, 12 - wrong.extra_weight_rk)
    np.testing.assert_allclose(wrong.alarms_rk[:, 0], wrong.extra_weight_rk[:, 1:].sum(axis=1) / 2)


def test_sums_are_those_of_the_confusion_matrix_of_each_replicate():
    rng = np.random.default_rng(5)
    labels, probs, codes = rng.integers(0, 4, 60), rng.dirichlet(np.ones(4), 60), rng.integers(0, 9, 60)
    draws = make_replicates(labels, codes, 7, 1).draws(labels, probs, rng.random(60))
    for r in range(7):
        weights = draws.weights_n * draws.times_rg[r, draws.codes_n] * draws.scale_rk[r, labels]
        matrix = confusion(labels, probs, weights)
        np.testing.assert_allclose(draws.true_rk[r], matrix.sum(axis=1))
        np.testing.assert_allclose(draws.called_rk[r], matrix.sum(axis=0))
        np.testing.assert_allclose(draws.hits_rk[r], np.diag(matrix))


def test_memory_does_not_grow_with_the_square_of_the_classes():
    classes, rng = 600, np.random.default_rng(6)
    labels, probs = rng.integers(0, classes, 1200), rng.random((1200, classes))
    replicates = make_replicates(labels, rng.integers(0, 20, 1200), 400, 1)
    tracemalloc.start()
    for end in replicates.ends(labels, probs, None, 0.25):
        for metric in METRICS.values():
            if metric.kind == "calls":
                metric.function(end)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6, "confusion matrices of 400 replicates alone are 1.2 GB"


@pytest.mark.parametrize("classes", [2, 3])
def test_the_low_end_is_under_the_high_end_of_every_replicate(classes):
    rng = np.random.default_rng(2)
    labels, _, names = perfect((4,) * classes)
    probs = rng.dirichlet(np.ones(classes), len(labels)) * 0.5 + np.eye(classes)[labels] * 0.5
    ends = metric_ends(labels, probs, None, "subject", make_replicates(labels, names, 200, 1))
    for name, (low, high) in ends.items():
        assert (low <= high + 1e-12).all(), name


def test_groups_make_intervals_wider_than_images():
    labels, probs, names = cohort()
    ones = np.ones(len(labels))
    widths = []
    for groups in (names, np.arange(len(labels))):
        row = score_table(labels, probs, ones, "image", make_replicates(labels, groups, 500, 1)).set_index("metric")
        widths.append(row.loc["accuracy", "high"] - row.loc["accuracy", "low"])
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"subjects_known": False}, "interval.unknown_subjects"),
        ({"why_none": Finding("interval.two_sides", "warning")}, "interval.two_sides"),
    ],
)
def test_without_subjects_there_is_no_interval_and_a_finding_says_why(arguments, code):
    labels, probs, names = cohort(8, 5)
    table = score_table(labels, probs, None, "image", make_replicates(labels, names, 100, 1, **arguments))
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["value"].notna().all()
    (made,) = findings_from_text(table["interval"].iloc[0])
    assert (made.code, made.severity) == (code, "warning")


def test_findings_of_earlier_run_folders_still_have_their_words():
    for language in ("en", "id"):
        entries = load_texts(language).entries
        assert all(f"findings.{code}" in entries for code in EARLIER)


def test_the_same_seed_draws_the_same_for_every_member():
    labels, probs, names = cohort(8, 5)
    first, second, other = (make_replicates(labels, names, 10, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.times_rg, second.times_rg)
    assert (first.times_rg != other.times_rg).any()
    mine, theirs = (one.ends(labels, probs, None, 0.25)[0].extra_rk for one in (first, second))
    np.testing.assert_array_equal(mine, theirs)
    assert (mine != other.ends(labels, probs, None, 0.25)[0].extra_rk).any()


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["subject", "image"])
def test_coverage_of_the_truth_with_few_subjects(unit):
    """Of 300 cohorts of 5 + 5 subjects, at least 93 in 100 intervals hold what very many subjects score."""
    labels, probs, _ = cohort(20_000, 10, seed=999)
    truth = {name: METRICS[name](labels, probs) for name in METRICS}
    held = pd.DataFrame([_held(seed, unit, truth) for seed in range(300)]).mean()
    assert (held >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / 300)).all(), held.to_dict()


def _held(seed, unit, truth):
    labels, probs, names = cohort(10, 10, seed)
    weights = subject_weights(np.ones(len(labels)), names) if unit == "subject" else None
    table = score_table(labels, probs, weights, unit, make_replicates(labels, names, 500, seed))
    return {row.metric: row.low <= truth[row.metric] <= row.high for row in table.itertuples()}


def test_an_interval_goes_from_the_low_end_to_the_high_end_and_needs_values():
    low_r = np.arange(1001.0)
    assert interval(np.stack([low_r, low_r + 5000])) == pytest.approx((25, 5975))
    assert np.isnan(interval(np.tile([np.nan, np.nan, 1.0], (2, 1)))).all()


def test_weights():
    np.testing.assert_array_equal(image_weights(np.array([1, 2])), [1.0, 2.0])
    weights = subject_weights(np.array([1, 3, 2]), np.array(["a", "a", "b"]))
    np.testing.assert_allclose(weights, [0.25, 0.75, 1.0])


def test_effective_subjects_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    names = np.array(["a", "b", "c", "d", "d", "d", "e"])
    np.testing.assert_allclose(effective_subjects(labels, names), [3, 16 / 10])
    np.testing.assert_allclose(effective_subjects(labels, names, subject_weights(np.ones(7), names)), [3, 2])
    assert effective_subjects(labels, names, np.array([1, 1, 1, 0, 0, 0, 0]))[1] == 0


@pytest.mark.parametrize(
    ("probs", "labels", "sentence"),
    [
        (np.zeros((0, 2)), [], "for n labels"),
        ([[0.5, 0.5]], [0, 1], "for n labels"),
        ([[np.nan, 0.5]], [0], "logits"),
        ([[-3.0, 4.0]], [0], "logits"),
        ([[0.2, 0.2]], [0], "sum to 1"),
        ([[0.2, 0.8]], [2], "labels from 0 to 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, probs, sentence):
    labels = np.array(labels, dtype=int)
    replicates = make_replicates(np.array([0, 1]), np.array(["a", "b"]), 10, 1)
    with pytest.raises(DataError, match=sentence):
        score_table(labels, np.array(probs, dtype=float), np.ones(len(labels)), "image", replicates)


def test_a_mean_over_models_is_the_mean_of_their_scores_replicate_by_replicate():
    labels, probs, names = cohort(20, 5)
    others = np.clip(probs + np.random.default_rng(4).normal(0, 0.2, (len(labels), 1)) * [-1, 1], 0, 1)
    replicates = make_replicates(labels, names, 200, 1)
    members, ones = [probs, others / others.sum(axis=1, keepdims=True)], np.ones(len(labels))
    table = mean_score_table(labels, members, ones, "image", replicates).set_index("metric")
    ends = [metric_ends(labels, member, ones, "image", replicates) for member in members]
    for name in METRICS:
        assert table.loc[name, "value"] == pytest.approx(np.mean([METRICS[name](labels, one) for one in members]))
        expected = interval((ends[0][name] + ends[1][name]) / 2)
        assert tuple(table.loc[name, ["low", "high"]]) == pytest.approx(expected)

import numpy as np
import pytest

from leukolab.base.errors import DataError
from leukolab.base.findings import findings_from_text
from leukolab.stats import METRICS, image_weights, make_bootstrap, mean_score_table, score_table, subject_weights
from leukolab.stats.intervals import metric_draws, percentiles


def cohort(groups=40, per_group=10, seed=0):
    """Subjects whose hardness differs: groups matter."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"S{number}" for number in range(groups)], per_group)
    labels = np.repeat(np.arange(groups) % 2, per_group)
    shift = np.repeat(rng.normal(0.8, 0.8, groups), per_group)
    logits = (2 * labels - 1) * shift + rng.normal(0, 0.5, len(labels))
    p1 = 1 / (1 + np.exp(-logits))
    return labels, np.stack([1 - p1, p1], axis=1), names


def test_every_replicate_draws_as_many_groups_of_each_class():
    labels, _, names = cohort(30)
    bootstrap = make_bootstrap(labels, names, 200, 1)
    classes = np.zeros(30, dtype=int)
    classes[bootstrap.codes_n] = labels
    assert (bootstrap.times_rg[:, classes == 0].sum(axis=1) == 15).all()
    assert (bootstrap.times_rg[:, classes == 1].sum(axis=1) == 15).all()
    assert bootstrap.times_rg.mean() == pytest.approx(1)


def test_score_table_holds_the_value_inside_its_interval():
    labels, probs, names = cohort()
    table = score_table(labels, probs, np.ones(len(labels)), "image", make_bootstrap(labels, names, 500, 1))
    assert table["metric"].tolist() == list(METRICS)
    assert list(table.columns) == ["metric", "unit", "value", "low", "high", "interval"]
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert set(table["unit"]) == {"image"}
    (made,) = findings_from_text(table["interval"].iloc[0])
    assert (made.code, made.values) == ("interval.groups", {"groups": 40, "replicates": 500})


def test_groups_make_intervals_wider_than_images():
    labels, probs, names = cohort()
    ones = np.ones(len(labels))
    widths = []
    for groups in (names, np.arange(len(labels))):
        row = score_table(labels, probs, ones, "image", make_bootstrap(labels, groups, 500, 1)).set_index("metric")
        widths.append(row.loc["accuracy", "high"] - row.loc["accuracy", "low"])
    assert widths[0] > 1.5 * widths[1]


def test_a_replicate_is_the_metric_of_the_images_it_drew():
    labels, probs, names = cohort(8, 5)
    bootstrap = make_bootstrap(labels, names, 20, 3)
    draws = metric_draws(labels, probs, np.ones(40), bootstrap)
    for replicate in range(20):
        drawn = np.repeat(np.arange(40), bootstrap.times_rg[replicate][bootstrap.codes_n].astype(int))
        for name in METRICS:
            assert draws[name][replicate] == pytest.approx(METRICS[name](labels[drawn], probs[drawn]))


def test_without_subjects_a_finding_says_so():
    labels, _, names = cohort(8, 5)
    (made,) = make_bootstrap(labels, names, 10, 1, subjects_known=False).findings
    assert (made.code, made.severity) == ("interval.images", "warning")


def test_a_class_of_one_group_is_said():
    bootstrap = make_bootstrap(np.array([0, 0, 1]), np.array(["a", "b", "c"]), 10, 1)
    assert [finding.code for finding in bootstrap.findings] == ["interval.groups", "interval.one_group"]


def test_the_same_seed_draws_the_same():
    labels, _, names = cohort(8, 5)
    first, second, other = (make_bootstrap(labels, names, 10, seed).times_rg for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_coverage_of_the_truth_is_near_the_level():
    """Of 100 cohorts of 60 subjects, about 95 intervals hold the accuracy of very many subjects."""
    truth = METRICS["accuracy"](*cohort(4000, 10, seed=999)[:2])
    held = 0
    for seed in range(100):
        labels, probs, names = cohort(60, 10, seed)
        draws = metric_draws(labels, probs, np.ones(len(labels)), make_bootstrap(labels, names, 300, seed))
        low, high = percentiles(draws["accuracy"])
        held += low <= truth <= high
    assert 87 <= held <= 100


def test_percentiles_without_values():
    assert np.isnan(percentiles(np.array([np.nan, np.nan, 1.0]))).all()


def test_weights():
    np.testing.assert_array_equal(image_weights(np.array([1, 2])), [1.0, 2.0])
    weights = subject_weights(np.array([1, 3, 2]), np.array(["a", "a", "b"]))
    np.testing.assert_allclose(weights, [0.25, 0.75, 1.0])


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
    bootstrap = make_bootstrap(np.array([0, 1]), np.array(["a", "b"]), 10, 1)
    with pytest.raises(DataError, match=sentence):
        score_table(labels, np.array(probs, dtype=float), np.ones(len(labels)), "image", bootstrap)


def test_a_mean_over_models_is_the_mean_of_their_scores_replicate_by_replicate():
    labels, probs, names = cohort(20, 5)
    others = np.clip(probs + np.random.default_rng(4).normal(0, 0.2, (len(labels), 1)) * [-1, 1], 0, 1)
    bootstrap = make_bootstrap(labels, names, 200, 1)
    members, ones = [probs, others / others.sum(axis=1, keepdims=True)], np.ones(len(labels))
    table = mean_score_table(labels, members, ones, "image", bootstrap).set_index("metric")
    draws = [metric_draws(labels, member, ones, bootstrap) for member in members]
    for name in METRICS:
        assert table.loc[name, "value"] == pytest.approx(np.mean([METRICS[name](labels, one) for one in members]))
        expected = percentiles((draws[0][name] + draws[1][name]) / 2)
        assert tuple(table.loc[name, ["low", "high"]]) == pytest.approx(expected)

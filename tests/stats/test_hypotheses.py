import numpy as np
import pytest

from leukolab.base.errors import DataError
from leukolab.base.findings import findings_from_text
from leukolab.stats import (
    METRICS,
    BalancedAccuracyDraws,
    HypothesisMembers,
    answer_hypotheses,
    balanced_accuracy_draws,
    make_replicates,
)
from leukolab.stats.hypotheses import bootstrap_p, holm_adjusted

MEMBERS = HypothesisMembers(
    by_rate={0.001: ("a1", "a2"), 0.0001: ("b1", "b2"), 0.00001: ("c1", "c2")},
    inter={"kappa": ("ia", "ib", "ic"), "f1": ("ja", "jb", "jc")},
    intra={"kappa": "ki", "f1": "kj"},
    best_ensemble="ia",
    best_single="a1",
)
POINTS = {
    "a1": 0.80, "a2": 0.82, "b1": 0.70, "b2": 0.72, "c1": 0.705, "c2": 0.715,
    "ia": 0.80, "ib": 0.75, "ic": 0.70, "ja": 0.81, "jb": 0.76, "jc": 0.71, "ki": 0.85, "kj": 0.76,
}  # fmt: skip


def draws(noise):
    rng = np.random.default_rng(0)
    points = np.array(list(POINTS.values()))
    return BalancedAccuracyDraws(tuple(POINTS), points, points[:, None] + rng.normal(0, noise, (len(points), 999)))


def test_differences_by_hand():
    table = answer_hypotheses(draws(0.001), MEMBERS)
    assert table.groupby("hypothesis", sort=False).size().to_dict() == {"H1": 3, "H2": 1, "H3": 2, "H4": 1}
    expected = [0.10, 0.10, 0.0, 0.0, 0.85 - 0.75, 0.76 - 0.76, (0.75 + 0.85) / 2 - (0.76 + 0.76) / 2]
    np.testing.assert_allclose(table["difference"], expected, atol=1e-12)


def sides(row):
    return [findings_from_text(row[name])[0] for name in ("first", "second")]


def test_answers_follow_the_intervals():
    table = answer_hypotheses(draws(0.001), MEMBERS)
    assert table["answer"].tolist() == ["better", "better", "same", "same", "better", "same", "better"]
    turned = HypothesisMembers({0.0001: ("b1", "b2"), 0.001: ("a1", "a2")}, {}, {}, "ia", "a1")
    assert answer_hypotheses(draws(0.001), turned)["answer"].iloc[0] == "worse"
    assert (answer_hypotheses(draws(0.5), MEMBERS)["answer"] == "same").all()


def test_sides_are_codes_with_values():
    table = answer_hypotheses(draws(0.001), MEMBERS)
    found = [[(side.code, dict(side.values)) for side in sides(row)] for _, row in table.iterrows()]
    assert found[2] == [("side.learning_rate", {"rate": 0.0001}), ("side.learning_rate", {"rate": 0.00001})]
    assert found[3] == [("side.best_ensemble", {}), ("side.best_single", {})]
    assert found[4] == [("side.intra_lr", {"scheme": "kappa"}), ("side.inter_lr", {"scheme": "kappa"})]
    assert found[6] == [("side.scheme", {"scheme": "kappa"}), ("side.scheme", {"scheme": "f1"})]


def test_holm_by_hand():
    table = answer_hypotheses(draws(0.03), MEMBERS)
    p = table.loc[table["hypothesis"] == "H1", "p_value"].to_numpy()
    order = np.argsort(p)
    stepped = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    held = table.loc[table["hypothesis"] == "H1", "p_holm"].to_numpy()
    np.testing.assert_allclose(held[order], stepped)
    assert (table.loc[table["hypothesis"] == "H2", ["p_value", "p_holm"]].nunique(axis=1) == 1).all()


def test_holm_of_four_p_values():
    """The largest of each step so far, in the order they came in, 1 at the most."""
    np.testing.assert_allclose(holm_adjusted(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm_adjusted(np.array([0.6, 0.7])), [1.0, 1.0])


def test_p_by_hand():
    assert bootstrap_p(np.array([1.0] * 999)) == pytest.approx(2 / 1000)
    assert bootstrap_p(np.array([1.0] * 90 + [-1.0] * 9)) == pytest.approx(2 * 10 / 100)
    assert bootstrap_p(np.zeros(99)) == 1


def test_one_learning_rate_leaves_nothing_to_compare():
    alone = HypothesisMembers({0.1: ("a1",)}, {}, {}, "ia", "a1")
    table = answer_hypotheses(draws(0.01), alone)
    assert table["answer"].tolist().count("nothing") == 3


def test_an_unknown_member_is_named():
    wrong = HypothesisMembers({}, {}, {}, "nobody", "a1")
    with pytest.raises(DataError, match="'nobody'"):
        answer_hypotheses(draws(0.01), wrong)


def test_draws_are_paired_and_point_values_are_the_metric():
    rng = np.random.default_rng(1)
    labels, names = np.arange(40) % 2, np.arange(40) % 8
    p1 = rng.random(40)
    probs = np.stack([1 - p1, p1], axis=1)
    made = balanced_accuracy_draws(labels, {"a": probs, "b": probs}, np.ones(40), make_replicates(labels, names, 50, 1))
    assert made.point_m[0] == pytest.approx(METRICS["balanced_accuracy"](labels, probs))
    np.testing.assert_array_equal(made.draws_mr[0], made.draws_mr[1])

"""H1 to H4: who is compared, what is answered together, and where there is no test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding, findings_from_text
from leukolab.stats import HypothesisMembers, Recalls, answer_hypotheses, answer_together
from leukolab.stats.comparisons import holm_adjusted, too_few

MEMBERS = HypothesisMembers(
    by_rate={0.001: ("a1", "a2"), 0.0001: ("b1", "b2"), 0.00001: ("c1", "c2")},
    inter={"kappa": ("ia", "ib", "ic"), "f1": ("ja", "jb", "jc")},
    intra={"kappa": "ki", "f1": "kj"},
    best_ensemble="ia",
    best_single="a1",
)
POINTS = {
    "a1": 0.80, "a2": 0.82, "b1": 0.70, "b2": 0.72, "c1": 0.70, "c2": 0.72,
    "ia": 0.80, "ib": 0.75, "ic": 0.70, "ja": 0.81, "jb": 0.76, "jc": 0.71, "ki": 0.85, "kj": 0.76,
}  # fmt: skip


def recalls(noise: float, per_class: int = 8, names: dict[str, float] | None = None) -> Recalls:
    """Members with these recalls on subjects of one class each, and a deviation from subject to subject."""
    rng, points = np.random.default_rng(0), names or POINTS
    weight_gk = np.zeros((2 * per_class, 2))
    weight_gk[:per_class, 0] = weight_gk[per_class:, 1] = 1 / per_class
    spread = rng.normal(0, noise, (len(points), 2 * per_class, 1))
    spread[:, :per_class] -= spread[:, :per_class].mean(axis=1, keepdims=True)
    spread[:, per_class:] -= spread[:, per_class:].mean(axis=1, keepdims=True)
    values = np.array(list(points.values()))[:, None, None]
    return Recalls(tuple(points), (values + spread) * (weight_gk > 0), weight_gk)


def test_differences_by_hand() -> None:
    table = answer_hypotheses(recalls(0.001), MEMBERS)
    assert table.groupby("hypothesis", sort=False).size().to_dict() == {"H1": 3, "H2": 1, "H3": 2, "H4": 1}
    expected = [0.10, 0.10, 0.0, 0.0, 0.85 - 0.75, 0.76 - 0.76, (0.75 + 0.85) / 2 - (0.76 + 0.76) / 2]
    np.testing.assert_allclose(table["difference"], expected, atol=1e-12)


def sides(row: pd.Series) -> list[Finding]:
    return [findings_from_text(row[name])[0] for name in ("first", "second")]


def codes(table: pd.DataFrame) -> set[str]:
    return {finding.code for note in table["note"] for finding in findings_from_text(note)}


def test_what_is_apart_is_better_or_worse() -> None:
    table = answer_hypotheses(recalls(0.001), MEMBERS)
    assert table["answer"].tolist() == ["better", "better", "same", "same", "better", "same", "better"]
    turned = HypothesisMembers({0.0001: ("b1", "b2"), 0.001: ("a1", "a2")}, {}, {}, "ia", "a1")
    assert answer_hypotheses(recalls(0.001), turned)["answer"].iloc[0] == "worse"
    assert (answer_hypotheses(recalls(0.5), MEMBERS)["answer"] == "same").all()
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()


def test_sides_are_codes_with_values() -> None:
    table = answer_hypotheses(recalls(0.001), MEMBERS)
    found = [[(side.code, dict(side.values)) for side in sides(row)] for _, row in table.iterrows()]
    assert found[2] == [("side.learning_rate", {"rate": 0.0001}), ("side.learning_rate", {"rate": 0.00001})]
    assert found[3] == [("side.best_ensemble", {}), ("side.best_single", {})]
    assert found[4] == [("side.intra_lr", {"scheme": "kappa"}), ("side.inter_lr", {"scheme": "kappa"})]
    assert found[6] == [("side.scheme", {"scheme": "kappa"}), ("side.scheme", {"scheme": "f1"})]


def test_holm_runs_over_all_comparisons() -> None:
    table = answer_hypotheses(recalls(0.06), MEMBERS)
    p = table["p_value"].to_numpy()
    order = np.argsort(p)
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    np.testing.assert_allclose(table["p_holm"].to_numpy()[order], stepped)


def test_holm_of_four_p_values() -> None:
    """The largest of each step so far, in the order they came in, 1 at the most."""
    np.testing.assert_allclose(holm_adjusted(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm_adjusted(np.array([0.6, 0.7])), [1.0, 1.0])


def test_the_primary_question_stands_alone() -> None:
    table = answer_hypotheses(recalls(0.06), MEMBERS, primary="H2")
    alone, rest = table[table["hypothesis"] == "H2"], table[table["hypothesis"] != "H2"]
    assert alone["p_holm"].tolist() == alone["p_value"].tolist()
    np.testing.assert_allclose(rest["p_holm"], holm_adjusted(rest["p_value"].to_numpy()))
    assert (codes(alone), codes(rest)) == ({"test.primary"}, {"test.exploratory"})
    together = answer_hypotheses(recalls(0.06), MEMBERS)
    assert alone["mdd"].iloc[0] < together.loc[together["hypothesis"] == "H2", "mdd"].iloc[0]
    assert codes(together) == set()


@pytest.mark.parametrize(
    ("per_class", "comparisons", "needed"),
    [(4, 10, 9), (5, 10, None), (2, 1, 6), (3, 1, None), (3, 7, 9), (3, 2, 7)],
)
def test_too_few_subjects_cannot_answer(per_class: int, comparisons: int, needed: int | None) -> None:
    """2^(1 - G) must not exceed 0.05 over the comparisons: 9 subjects for ten, 6 for one; three per class."""
    found = too_few(recalls(0.1, per_class), comparisons)
    assert (found and found.values["needed"]) == needed
    assert needed is None or 2.0 ** (1 - needed) <= 0.05 / comparisons < 2.0 ** (2 - needed)


def test_a_class_of_two_subjects_cannot_answer() -> None:
    some = recalls(0.1)
    weight_gk = some.weight_gk.copy()
    weight_gk[2:8, 0] = 0
    found = too_few(replace(some, weight_gk=weight_gk), 1)
    assert found is not None
    assert found.values == {"subjects": 10, "fewest": 2, "needed": 6, "per_class": 3}


def test_too_few_subjects_have_a_difference_and_a_reason() -> None:
    table = answer_hypotheses(recalls(0.001, 4), MEMBERS)
    assert set(table["answer"]) == {"too_few"}
    assert table["difference"].notna().all()
    assert table[["low", "high", "p_value", "p_holm", "mdd"]].isna().all(axis=None)
    assert codes(table) == {"test.too_few_subjects"}
    primary = answer_hypotheses(recalls(0.001, 3), MEMBERS, primary="H2")
    assert (primary["answer"] == "too_few").tolist() == [True] * 3 + [False] + [True] * 3


def test_a_difference_that_is_the_same_in_every_subject_is_not_tested() -> None:
    """Neither 'equal, and nought would be found' nor a decision with an interval of no width."""
    flat = recalls(0.0, names={"a": 0.8, "b": 0.8, "c": 0.6, "d": 0.7})
    varied = recalls(0.05, names={"a": 0.8, "b": 0.5})
    answers = answer_together(flat, [(("a",), ("b",)), (("a",), ("c",))])
    assert [one.answer for one in answers] == ["no_test", "no_test"]
    assert [one.difference for one in answers] == pytest.approx([0.0, 0.2])
    assert all(np.isnan([one.low, one.high, one.p_holm, one.mdd]).all() for one in answers)
    assert {note.code for one in answers for note in one.notes} == {"test.no_variation"}
    together = Recalls((*flat.members, "e", "f"), np.concatenate([flat.recall_mgk, varied.recall_mgk]), flat.weight_gk)
    same, apart = answer_together(together, [(("a",), ("b",)), (("e",), ("f",))])
    assert (same.answer, apart.answer) == ("no_test", "better")
    assert apart.p_holm == pytest.approx(2 * apart.p_value), "what is not tested is counted all the same"


def test_images_that_allow_no_test_have_none() -> None:
    table = answer_hypotheses(recalls(0.001), MEMBERS, barred=Finding("test.leaky_split", "info"))
    assert set(table["answer"]) == {"no_test"}
    assert table[["low", "high", "p_value", "p_holm", "mdd"]].isna().all(axis=None)
    assert codes(table) == {"test.leaky_split"}


def test_names_of_members_change_nothing() -> None:
    """Neither the names nor the order in which members stand."""
    plain = recalls(0.06)
    renamed = Recalls(tuple(f"x{name[::-1]}" for name in plain.members[::-1]), plain.recall_mgk[::-1], plain.weight_gk)

    def new(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"x{name[::-1]}" for name in names)

    members = HypothesisMembers(
        by_rate={rate: new(names) for rate, names in MEMBERS.by_rate.items()},
        inter={scheme: new(names) for scheme, names in MEMBERS.inter.items()},
        intra={scheme: new((name,))[0] for scheme, name in MEMBERS.intra.items()},
        best_ensemble=new(("ia",))[0],
        best_single=new(("a1",))[0],
    )
    pd.testing.assert_frame_equal(answer_hypotheses(plain, MEMBERS), answer_hypotheses(renamed, members))


def test_one_learning_rate_speaks_of_these_trained_models() -> None:
    alone = HypothesisMembers({0.1: ("a1",)}, {}, {}, "ia", "a1")
    table = answer_hypotheses(recalls(0.01), alone)
    assert table["answer"].tolist().count("nothing") == 3
    assert codes(table) == {"test.these_models"}
    single_folds = HypothesisMembers({0.1: ("a1",), 0.2: ("b1",)}, {}, {}, "ia", "a1")
    assert codes(answer_hypotheses(recalls(0.01), single_folds)) == {"test.these_models"}


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        (("ensemble",), ("alone",), 1 + 1 / 5),
        (("ensemble",), ("m1",), (1 - 1 / 5) ** 2 + 4 / 25),
        (("intra",), ("ensemble", "other", "third"), 1 / 3 + 1 / 15),
        (("ensemble",), ("ensemble",), 0),
    ],
)
def test_share_of_the_training_variance(first: tuple[str, ...], second: tuple[str, ...], share: float) -> None:
    models = {
        name: {f"{letter}{i}": 1 / 5 for i in range(5)}
        for name, letter in zip(("ensemble", "other", "third"), "mno", strict=True)
    }
    models["intra"] = {f"champion{i}": 1 / 3 for i in range(3)}
    members = replace(MEMBERS, models=models)
    assert members.training_share(first, second) == pytest.approx(share)


def test_share_over_outer_parts_is_their_mean() -> None:
    models = {"best": {"1a": 0.5, "1b": 0.5, "2a": 1.0}, "single": {"1a": 1.0, "2b": 1.0}}
    members = replace(MEMBERS, models=models, parts=2)
    assert members.training_share(["best"], ["single"]) == pytest.approx((0.5 + 2.0) / 2)


def test_models_that_vary_in_training_make_ensembles_harder_to_tell_apart() -> None:
    spread = POINTS | {"a1": 0.90, "a2": 0.70, "b1": 0.60, "b2": 0.84}
    calm, wild = (answer_hypotheses(recalls(0.01, names=names), MEMBERS) for names in (POINTS, spread))
    of_h3 = calm["hypothesis"] == "H3"
    assert (wild.loc[of_h3, "mdd"] > calm.loc[of_h3, "mdd"]).all()
    assert (wild.loc[of_h3, "p_value"] >= calm.loc[of_h3, "p_value"]).all()


def test_an_unknown_member_is_named() -> None:
    wrong = HypothesisMembers({}, {}, {}, "nobody", "a1")
    with pytest.raises(DataError, match="'nobody'"):
        answer_hypotheses(recalls(0.01), wrong)


def test_nothing_asked_nothing_answered() -> None:
    assert answer_together(recalls(0.1), []) == []

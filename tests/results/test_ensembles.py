import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError
from leukolab.results import (
    Scored,
    build_ensembles,
    champions,
    ensembles_table,
    hypothesis_members,
    member_scores,
    mixed,
    ranked,
    winner,
)
from leukolab.spec import EnsembleSpec
from leukolab.stats import METRICS

RATES = (0.001, 0.0001, 0.00001)
JOBS = pd.DataFrame(
    [(f"o{outer}-lr{rate:g}-f{fold}", rate, fold, outer) for outer in (1, 2) for rate in RATES for fold in range(1, 6)],
    columns=["job", "learning_rate", "fold", "outer"],
)


def predictions(role, job):
    """Seeded predictions; labels depend on outer part and role, and on the fold for validation."""
    outer, fold = job.split("-")[0], job.split("-")[-1]
    part = f"{role}{outer}{fold if role == 'validation' else ''}"
    labels = np.random.default_rng(sum(map(ord, part))).integers(0, 2, 60)
    noise = np.random.default_rng(sum(ord(c) * (i + 1) for i, c in enumerate(job + role))).normal(0, 1, 60)
    p1 = 1 / (1 + np.exp(-(2 * labels - 1) * 0.8 - noise))
    return Scored(labels, np.stack([1 - p1, p1], axis=1), np.ones(60))


def build(weights_on="tuning", champion_on="tuning"):
    return build_ensembles(JOBS, predictions, EnsembleSpec(), weights_on, champion_on)


def test_twelve_ensembles_and_their_rivals_an_outer_part():
    made = [one for one in build() if one.outer == 1]
    names = [one.name for one in made]
    assert len(names) == len(set(names)) == 12 + 4 + 1
    assert names[:3] == ["inter_lr:0.001:accuracy", "inter_lr:0.001:f1", "inter_lr:0.001:kappa"]
    assert {"inter_lr:1e-05:f1", "intra_lr:kappa", "equal:intra_lr", "equal:inter_lr:0.0001", "best_single"} < set(
        names
    )
    assert [len(one.members) for one in made if one.scheme == "kappa"] == [5, 5, 5, 3]
    for one in made:
        assert sum(one.weights) == pytest.approx(1)
        assert all(job.startswith("o1-") for job in one.members)


def test_weights_come_from_the_part_that_was_named():
    for role in ("validation", "tuning", "test"):
        one = next(one for one in build(weights_on=role) if one.name == "inter_lr:0.001:kappa")
        scores = [METRICS["kappa"](*predictions(role, job)) for job in one.members]
        np.testing.assert_allclose(one.scores, scores)
        np.testing.assert_allclose(one.weights, np.maximum(scores, 0) / np.maximum(scores, 0).sum())


def test_champions_have_the_highest_kappa_of_their_learning_rate():
    scores = member_scores(JOBS[JOBS["outer"] == 1], predictions, "tuning")
    best = champions(scores)
    assert best["learning_rate"].tolist() == list(RATES)
    for row in best.itertuples():
        assert row.kappa == scores.loc[scores["learning_rate"] == row.learning_rate, "kappa"].max()
    intra = next(one for one in build(weights_on="validation") if one.name == "intra_lr:f1")
    assert list(intra.members) == best["job"].tolist()


def test_ties_go_to_accuracy_then_to_the_lower_loss_then_to_the_first():
    rows = [
        ("a", 0.5, 0.7, 0.4),
        ("b", 0.5, 0.8, 0.5),
        ("c", 0.5 + 1e-15, 0.8, 0.3),
        ("d", 0.4, 0.9, 0.1),
        ("e", 0.5, 0.8, 0.3),
    ]
    table = pd.DataFrame(rows, columns=["job", "kappa", "accuracy", "log_loss"])
    assert ranked(table)["job"].tolist() == ["c", "e", "b", "a", "d"]


def test_the_best_single_model_is_the_best_of_all():
    scores = member_scores(JOBS[JOBS["outer"] == 2], predictions, "tuning")
    single = next(one for one in build() if one.name == "best_single" and one.outer == 2)
    assert single.members == (ranked(scores)["job"].iloc[0],)
    assert single.weights == (1.0,)


def test_members_without_skill_weigh_the_same_and_it_is_said():
    def wrong(role, job):
        scored = predictions(role, job)
        return scored._replace(probs_nk=np.eye(2)[1 - scored.labels_n])

    one = next(one for one in build_ensembles(JOBS, wrong, EnsembleSpec(), "tuning", "tuning") if one.scheme == "kappa")
    assert one.weights == (0.2,) * 5
    assert "weigh the same" in one.note


def test_mixture_by_hand():
    one = next(one for one in build() if one.name == "intra_lr:accuracy")
    expected = sum(w * predictions("test", job).probs_nk for w, job in zip(one.weights, one.members, strict=True))
    np.testing.assert_allclose(mixed(one, predictions, "test").probs_nk, expected)


def test_members_on_different_images_cannot_be_mixed():
    inter = next(one for one in build() if one.name == "inter_lr:0.001:kappa")
    with pytest.raises(DataError, match="expected members on the same validation images"):
        mixed(inter, predictions, "validation")


def test_the_winner_has_the_highest_kappa_on_its_part():
    made = [one for one in build() if one.outer == 1 and one.scenario != "single"]
    kappas = [METRICS["kappa"](*mixed(one, predictions, "tuning")) for one in made]
    best = winner(made, predictions, "tuning")
    assert METRICS["kappa"](*mixed(best, predictions, "tuning")) == pytest.approx(max(kappas))


def test_without_a_part_in_common_the_winner_has_the_best_members():
    made = [one for one in build("validation", "validation") if one.outer == 1 and one.scenario == "inter_lr"]
    best = winner(made, predictions, "validation")
    kappas = {
        one.name: np.mean([METRICS["kappa"](*predictions("validation", job)) for job in one.members]) for one in made
    }
    assert kappas[best.name] == max(kappas.values())
    assert best.scheme == made[0].scheme, "the earlier of equals"
    with pytest.raises(DataError, match="at least one to choose from"):
        winner([], predictions, "validation")


def test_table_and_hypothesis_members():
    made = [one for one in build() if one.outer == 1]
    table = ensembles_table(made)
    assert len(table) == sum(len(one.members) for one in made)
    assert table.groupby("ensemble")["weight"].sum().to_numpy() == pytest.approx(1)
    members = hypothesis_members(JOBS[JOBS["outer"] == 1], made, "intra_lr:kappa")
    assert [len(names) for names in members.by_rate.values()] == [5, 5, 5]
    assert members.inter["f1"] == ("inter_lr:0.001:f1", "inter_lr:0.0001:f1", "inter_lr:1e-05:f1")
    assert members.intra == {scheme: f"intra_lr:{scheme}" for scheme in ("accuracy", "f1", "kappa")}
    assert members.best_single == "best_single"


def test_nothing_to_build_from_is_refused():
    with pytest.raises(DataError, match="at least one trained job"):
        build_ensembles(JOBS.head(0), predictions, EnsembleSpec(), "tuning", "tuning")
    empty = Scored(np.zeros(0, dtype=int), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(DataError, match="expected predictions for the role 'tuning'"):
        build_ensembles(JOBS, lambda role, job: empty, EnsembleSpec(), "tuning", "tuning")
    with pytest.raises(DataError, match="at least one to choose from"):
        winner([], predictions, "tuning")

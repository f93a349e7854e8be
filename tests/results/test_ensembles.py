import numpy as np
import pandas as pd
import pytest

from leukolab.base.errors import DataError
from leukolab.results.ensembles import build_ensembles, mixed
from leukolab.results.hypotheses import hypothesis_members
from leukolab.results.members import Member, members_of, members_table
from leukolab.results.ranking import Scored, champions, order_of, scores_of, winner
from leukolab.spec import EnsembleSpec
from leukolab.stats import METRICS

RATES = (0.001, 0.0001, 0.00001)


def models(outer):
    return [
        Member(f"o{outer}-lr{rate:g}-f{fold}", "model", "corrected", outer, fold, learning_rate=rate)
        for rate in RATES
        for fold in range(1, 6)
    ]


MODELS = models(1)
KNOWN = {model.member: model for model in MODELS}


def predictions(model, role):
    """Seeded predictions; labels depend on outer part and role, and on the fold for validation."""
    if model.sources:
        return mixed(model, [predictions(KNOWN[name], role) for name in model.sources], role)
    part = f"{role}o{model.outer}{f'f{model.fold}' if role == 'validation' else ''}"
    labels = np.random.default_rng(sum(map(ord, part))).integers(0, 2, 60)
    seed = sum(ord(c) * (i + 1) for i, c in enumerate(model.member + role))
    p1 = 1 / (1 + np.exp(-(2 * labels - 1) * 0.8 - np.random.default_rng(seed).normal(0, 1, 60)))
    return Scored(labels, np.stack([1 - p1, p1], axis=1), np.ones(60))


def build(weights_on="tuning", champion_on="tuning", access=predictions):
    return build_ensembles(MODELS, access, EnsembleSpec(), weights_on, champion_on)


def named(made, key):
    return next(one for one in made if one.ensemble_key == key)


def kappa(model, role):
    return METRICS["kappa"](*predictions(model, role))


def test_twelve_ensembles_and_their_rivals_per_outer_part():
    made = build()
    keys = [one.ensemble_key for one in made]
    assert len(keys) == len(set(keys)) == len({one.member for one in made}) == 12 + 4 + 1
    assert keys[:3] == ["inter_lr:0.001:accuracy", "inter_lr:0.001:f1", "inter_lr:0.001:kappa"]
    rivals = {"inter_lr:1e-05:f1", "intra_lr:kappa", "equal:intra_lr", "equal:inter_lr:0.0001", "best_single"}
    assert rivals < set(keys)
    assert sum(one.weighted for one in made) == 12
    assert [len(one.sources) for one in made if one.scheme == "kappa"] == [5, 5, 5, 3]
    for one in made:
        assert sum(one.weights) == pytest.approx(1)
        assert set(one.sources) <= set(KNOWN)


def test_weights_come_from_the_part_that_was_named():
    for role in ("validation", "tuning", "test"):
        one = named(build(weights_on=role), "inter_lr:0.001:kappa")
        scores = [kappa(KNOWN[name], role) for name in one.sources]
        np.testing.assert_allclose(one.measured, scores)
        np.testing.assert_allclose(one.weights, np.maximum(scores, 0) / np.maximum(scores, 0).sum())


def test_champions_have_the_highest_kappa_of_their_learning_rate():
    best = [MODELS[place] for place in champions(MODELS, scores_of(MODELS, predictions, "tuning"))]
    assert [model.learning_rate for model in best] == list(RATES)
    for model in best:
        rivals = [other for other in MODELS if other.learning_rate == model.learning_rate]
        assert kappa(model, "tuning") == max(kappa(other, "tuning") for other in rivals)
    intra = named(build(weights_on="validation"), "intra_lr:f1")
    assert list(intra.sources) == [model.member for model in best]


def test_ties_go_to_accuracy_then_to_the_lower_loss_then_to_the_first():
    rows = [
        ("a", 0.5, 0.7, 0.4),
        ("b", 0.5, 0.8, 0.5),
        ("c", 0.5 + 1e-15, 0.8, 0.3),
        ("d", 0.4, 0.9, 0.1),
        ("e", 0.5, 0.8, 0.3),
    ]
    table = pd.DataFrame(rows, columns=["model", "kappa", "accuracy", "log_loss"])
    assert table["model"].iloc[order_of(table)].tolist() == ["c", "e", "b", "a", "d"]


def test_the_best_single_model_is_the_best_of_all():
    single = named(build(), "best_single")
    best = order_of(scores_of(MODELS, predictions, "tuning"))[0]
    assert single.sources == (MODELS[best].member,)
    assert single.weights == (1.0,)


def test_members_without_skill_weigh_the_same_and_it_is_said():
    def wrong(model, role):
        scored = predictions(model, role)
        return scored._replace(probs_nk=np.eye(2)[1 - scored.labels_n])

    made = build(access=wrong)
    one = next(one for one in made if one.scheme == "kappa")
    assert one.weights == (0.2,) * 5
    assert [note.code for note in one.notes] == ["ensemble.no_score_above_zero"]
    assert not named(made, "equal:intra_lr").notes


def test_mixture_by_hand():
    one = named(build(), "intra_lr:accuracy")
    pairs = zip(one.weights, one.sources, strict=True)
    expected = sum(weight * predictions(KNOWN[name], "test").probs_nk for weight, name in pairs)
    np.testing.assert_allclose(predictions(one, "test").probs_nk, expected)


def test_members_on_different_images_cannot_be_mixed():
    with pytest.raises(DataError, match="expected members on the same validation images"):
        predictions(named(build(), "inter_lr:0.001:kappa"), "validation")


def test_the_winner_has_the_highest_kappa_on_its_part():
    made = [one for one in build() if one.scenario != "single"]
    best = winner(made, predictions, "tuning")
    assert kappa(best, "tuning") == pytest.approx(max(kappa(one, "tuning") for one in made))


def test_without_a_part_in_common_the_winner_has_the_best_members():
    made = [one for one in build("validation", "validation") if one.scenario == "inter_lr"]
    best = winner(made, predictions, "validation", MODELS)
    kappas = {one.member: np.mean([kappa(KNOWN[name], "validation") for name in one.sources]) for one in made}
    assert kappas[best.member] == max(kappas.values())
    assert best.scheme == made[0].scheme, "the earlier of equals"


def test_what_hypotheses_compare():
    made = build()
    rates = [(model.member, model.learning_rate) for model in MODELS]
    compared = hypothesis_members(rates, made, "the best", "the single")
    assert [len(names) for names in compared.by_rate.values()] == [5, 5, 5]
    assert compared.inter["f1"] == tuple(named(made, f"inter_lr:{rate:g}:f1").member for rate in RATES)
    schemes = ("accuracy", "f1", "kappa")
    assert compared.intra == {scheme: named(made, f"intra_lr:{scheme}").member for scheme in schemes}
    assert (compared.best_ensemble, compared.best_single) == ("the best", "the single")


def test_members_come_back_from_their_table_as_they_were(tmp_path):
    members = [*MODELS, *build(), Member("summary", "summary", "corrected", reading="frozen", sources=("a", "b"))]
    table = members_table(members)
    table.to_parquet(tmp_path / "members.parquet")
    found = members_of(pd.read_parquet(tmp_path / "members.parquet"))
    assert list(found) == [one.member for one in members]
    for one in members:
        back = found[one.member]
        np.testing.assert_array_equal(back.measured, one.measured)
        assert back.sources == one.sources
        assert back.learning_rate == one.learning_rate
        assert (back.kind, back.scheme, back.chosen, back.seed) == (one.kind, one.scheme, one.chosen, one.seed)


def test_nothing_to_build_from_is_refused():
    with pytest.raises(DataError, match="at least one trained model"):
        build_ensembles([], predictions, EnsembleSpec(), "tuning", "tuning")
    empty = Scored(np.zeros(0, dtype=int), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(DataError, match="expected predictions for the role 'tuning'"):
        build(access=lambda model, role: empty)
    with pytest.raises(DataError, match="at least one to choose from"):
        winner([], predictions, "tuning")

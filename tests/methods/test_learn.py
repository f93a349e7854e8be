"""A method from its examples: choice on inner folds alone, fusion, and its file without pickle."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leukolab.base.errors import SpecError, WeightsError
from leukolab.images.handcrafted import FAMILIES
from leukolab.methods import Fold, Images, learn, load_method, most_often
from leukolab.methods.designs import load_method as read
from leukolab.methods.fit import Examples, fit, sample_weights, scores
from leukolab.methods.keep import from_file, to_bytes
from leukolab.methods.learn import combinations
from leukolab.spec import (
    AnyMethod,
    ChangeSpec,
    CropSpec,
    JointSpec,
    LearnerSpec,
    MethodSpec,
    NetworkFeatures,
    ReduceSpec,
    any_method,
    features_of,
    method_names,
)

GOOD, NOISE = (
    NetworkFeatures(backbone="net", layers=(layer,), crop=CropSpec(size_px=64)) for layer in ("good", "noise")
)


def single(
    name: str, *features: NetworkFeatures, estimator: str = "LogisticRegression", **changes: object
) -> MethodSpec:
    return MethodSpec(
        name=name, title=name, features=features, learner=LearnerSpec(estimator=estimator),
        reduce=ReduceSpec(standardise=True, clip=6), **changes,
    )  # fmt: skip


def joint(how: str, *among: AnyMethod) -> JointSpec:
    return JointSpec(name=how, title=how, how=how, among=among)


def drawn(n: int = 120) -> Images:
    rng = np.random.default_rng(1)
    labels = np.arange(n) % 2
    good = rng.normal(size=(n, 4)) + labels[:, None] * np.array([1.5, 1, 0, 0])
    sources = {GOOD: good.astype(np.float32), NOISE: rng.normal(size=(n, 6)).astype(np.float32)}
    return Images(sources, labels, np.array([f"g{row // 2 % 20}-{row % 2}" for row in range(n)], dtype=object), 2)


IMAGES = drawn()
ROWS = np.arange(100)
"""The last 20 images are nobody's to learn from."""
FOLDS = [
    Fold(np.setdiff1d(ROWS, held), np.ones(80, dtype=np.int64), held) for held in (ROWS[part::5] for part in range(5))
]


def test_what_does_best_on_inner_folds_is_chosen_and_told() -> None:
    spec = joint("choose", single("noise", NOISE), single("good", GOOD))
    learned = learn(spec, IMAGES, FOLDS, 3)
    assert learned.chosen.name == "good"
    assert [one.chosen for one in learned.tried] == [False, True]
    assert learned.tried[1].log_loss < 0.6 < learned.tried[0].log_loss
    alone = learn(single("good", GOOD), IMAGES, FOLDS, 3)
    assert np.array_equal(learned.probabilities(IMAGES.sources), alone.probabilities(IMAGES.sources))


def test_what_a_fold_keeps_is_predicted_by_what_the_others_teach() -> None:
    spec, fold = single("good", GOOD), FOLDS[1]
    learned = learn(spec, IMAGES, FOLDS, 3)
    features, labels = IMAGES.sources[GOOD], IMAGES.labels[fold.rows]
    weights = sample_weights(spec, labels, IMAGES.groups[fold.rows], fold.copies)
    fitted = fit(spec, Examples(features[fold.rows], labels, weights), 3)
    assert list(learned.held.rows) == list(ROWS)
    found = learned.held.probabilities[np.isin(learned.held.rows, fold.held)]
    assert found == pytest.approx(learned.parts[0].scale(scores(fitted, features[fold.held])))


def test_nothing_is_learned_from_images_of_no_fold() -> None:
    spec = joint("fuse", single("noise", NOISE), single("good", GOOD, search={"learner.parameters.C": (0.01, 1.0)}))
    other = Images(
        {one: np.concatenate([values[:100], 9 - values[100:]]) for one, values in IMAGES.sources.items()},
        np.concatenate([IMAGES.labels[:100], 1 - IMAGES.labels[100:]]), IMAGES.groups, 2,
    )  # fmt: skip
    first, second = (learn(spec, images, FOLDS, 3) for images in (IMAGES, other))
    assert to_bytes(first) == to_bytes(second)


def test_images_may_be_learned_from_without_their_colour_too() -> None:
    grey = GOOD.model_copy(update={"changed": (ChangeSpec(colour=1),)})
    both = single("both", GOOD, also=(ChangeSpec(colour=1),))
    assert features_of(both) == (GOOD, grey)
    sources = {GOOD: IMAGES.sources[GOOD], grey: IMAGES.sources[GOOD] + 9}
    images = Images(sources, IMAGES.labels, IMAGES.groups, 2)
    found = {one.name: learn(one, images, FOLDS, 3) for one in (both, single("colour", GOOD))}
    shown_grey = {GOOD: sources[grey]}
    right = {
        name: np.mean(one.probabilities(shown_grey).argmax(axis=1) == IMAGES.labels) for name, one in found.items()
    }
    assert right["colour"] < 0.6 < right["both"]


def test_a_changed_image_counts_as_much_as_it_says() -> None:
    grey = GOOD.model_copy(update={"changed": (ChangeSpec(colour=1),)})
    sources = {GOOD: IMAGES.sources[GOOD], grey: IMAGES.sources[NOISE][:, : IMAGES.sources[GOOD].shape[1]]}
    images = Images(sources, IMAGES.labels, IMAGES.groups, 2)
    plain = learn(single("one", GOOD), images, FOLDS, 3).probabilities(sources)
    far = {
        weight: np.abs(
            learn(single("one", GOOD, also=(ChangeSpec(colour=1),), also_weight=weight), images, FOLDS, 3)
            .probabilities(sources) - plain
        ).max()
        for weight in (1e-6, 0.1, 1.0)
    }  # fmt: skip
    assert far[1e-6] < 0.005 < far[0.1] < far[1.0]  # the scale is that of both, whatever they count


def test_a_search_tries_every_combination_of_its_values() -> None:
    spec = single("good", GOOD, search={"learner.parameters.C": (1e-6, 1.0), "reduce.clip": (1, 3)})
    found = combinations(spec)
    assert [(one.learner.parameters["C"], one.reduce.clip) for one in found] == [(1e-6, 1), (1e-6, 3), (1, 1), (1, 3)]
    assert all(not one.search for one in found)
    learned = learn(spec, IMAGES, FOLDS, 3)
    assert isinstance(learned.chosen, MethodSpec)
    assert learned.chosen.learner.parameters["C"] == 1.0
    assert len(learned.tried) == 4
    with pytest.raises(SpecError, match="learnr"):
        combinations(single("good", GOOD, search={"learnr.C": (1,)}))


def test_a_fusion_is_the_mean_of_calibrated_log_probabilities() -> None:
    first, second = single("a", GOOD), single("b", GOOD, NOISE, estimator="GaussianNB")
    both = learn(joint("fuse", first, second), IMAGES, FOLDS, 3)
    logs = [np.log(learn(one, IMAGES, FOLDS, 3).probabilities(IMAGES.sources)) for one in (first, second)]
    assert both.probabilities(IMAGES.sources) == pytest.approx(both.scale(np.mean(logs, axis=0)))


def test_fusions_of_fusions_and_methods_twice_are_refused() -> None:
    one = single("a", GOOD)
    with pytest.raises(ValueError, match="no fusions themselves"):
        joint("fuse", one, joint("choose", joint("fuse", single("b", GOOD))))
    with pytest.raises(ValueError, match="each method once"):
        joint("choose", one, one)


def test_the_choice_made_most_often_wins_and_comes_back_from_its_values() -> None:
    one, two = single("a", GOOD), joint("fuse", single("b", GOOD), single("c", NOISE))
    assert most_often([one, two, two]) == two
    assert most_often([one, two]) == one
    assert any_method(two.model_dump(mode="json")) == two
    assert features_of(joint("choose", one, two)) == (GOOD, NOISE)


@pytest.mark.parametrize(
    "estimator", ["SVC", "LogisticRegression", "ExtraTreesClassifier", "HistGradientBoostingClassifier"]
)
def test_a_learned_method_comes_back_from_its_file_to_the_bit(estimator: str, tmp_path: Path) -> None:
    spec = joint("fuse", single("a", GOOD, estimator=estimator), single("b", NOISE, GOOD))
    learned, path = learn(spec, IMAGES, FOLDS, 3), tmp_path / "method.skops"
    path.write_bytes(to_bytes(learned))
    again = from_file(path)
    assert (again.chosen, again.scale) == (learned.chosen, learned.scale)
    assert np.array_equal(again.probabilities(IMAGES.sources), learned.probabilities(IMAGES.sources))
    assert to_bytes(learn(spec, IMAGES, FOLDS, 3)) == path.read_bytes()


def test_a_classifier_may_be_made_of_others(tmp_path: Path) -> None:
    vote = LearnerSpec(
        estimator="VotingClassifier", parameters={"voting": "soft"},
        of=(
            LearnerSpec(
                estimator="CalibratedClassifierCV", parameters={"ensemble": False}, of=(LearnerSpec(estimator="SVC"),)
            ),
            LearnerSpec(estimator="GaussianNB"),
        ),
    )  # fmt: skip
    learned = learn(single("vote", GOOD).model_copy(update={"learner": vote}), IMAGES, FOLDS, 3)
    (tmp_path / "method.skops").write_bytes(to_bytes(learned))
    again = from_file(tmp_path / "method.skops")
    assert np.array_equal(again.probabilities(IMAGES.sources), learned.probabilities(IMAGES.sources))


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); from test_learn import *\n"
        "print(hashlib.sha256(to_bytes(learn(single('a', GOOD, estimator='SVC'), IMAGES, FOLDS, 3))).hexdigest())"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    mine = to_bytes(learn(single("a", GOOD, estimator="SVC"), IMAGES, FOLDS, 3))
    assert other == hashlib.sha256(mine).hexdigest()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18), pickle.dumps({"parts": []})])
def test_a_file_that_is_no_method_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "method.skops"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="expected a fitted method"):
        from_file(path)


@pytest.mark.parametrize("name", method_names())
def test_a_shipped_method_is_learned_and_comes_back(name: str, tmp_path: Path) -> None:
    spec = load_method(name)
    assert spec.name == name
    rng = np.random.default_rng(2)
    sources = {one: rng.normal(size=(120, 9)).astype(np.float32) for one in features_of(spec)}
    learned = learn(spec, Images(sources, IMAGES.labels, IMAGES.groups, 2), FOLDS, 1)
    (tmp_path / "method.skops").write_bytes(to_bytes(learned))
    found = from_file(tmp_path / "method.skops").probabilities(sources)
    assert np.array_equal(found, learned.probabilities(sources))
    assert found.sum(axis=1) == pytest.approx(np.ones(120))


def test_methods_are_read_with_those_they_are_made_among(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nfeatures: [{backbone: net, layers: [a]}]\nlearner: {estimator: SVC}\n"
    )
    (tmp_path / "both.yaml").write_text("name: both\ntitle: Both\nhow: choose\namong: [k450, mine.yaml]\n")
    both = read(tmp_path / "both.yaml")
    assert isinstance(both, JointSpec)
    assert [one.name for one in both.among] == ["k450", "mine"]
    (tmp_path / "mine.yaml").write_text("name: mine\ntitle: Mine\nhow: choose\namong: [both.yaml]\n")
    with pytest.raises(SpecError, match="inside itself"):
        read(tmp_path / "both.yaml")


def test_a_method_that_is_not_known_is_named_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"'k45' is not known\. Did you mean 'k450'"):
        load_method("k45")


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ("{handcrafted: [size, sise], crop: {size_px: 64}}", r"features\.0\.handcrafted\.1: .*'size'.*got 'sise'"),
        ("{handcrafted: [size, size], crop: {size_px: 64}}", r"features\.0: handcrafted: expected each family once"),
        ("{handcrafted: [size], crop: {size_px: 64}, crops: 1}", r"features\.0\.crops: .*Did you mean 'crop'"),
        ("{handcrafted: [size], crop: {sizepx: 64}}", r"features\.0\.crop\.sizepx: .*Did you mean 'size_px'"),
        ("{handcrafted: []}", r"features\.0\.handcrafted: "),
        ("{backbone: net, layers: [a], layer: b}", r"features\.0\.layer: .*Did you mean 'layers'"),
        ("{backbone: net}", r"features\.0\.layers: "),
    ],
)
def test_what_is_wrong_with_features_is_said_where_it_stands(features: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        f"name: mine\ntitle: Mine\nfeatures: [{features}]\nlearner: {{estimator: SVC}}\n"
    )
    with pytest.raises(SpecError, match=sentence):
        read(tmp_path / "mine.yaml")


def test_handcrafted_features_come_back_from_their_values() -> None:
    spec = load_method("k450h")
    assert any_method(spec.model_dump(mode="json")) == spec
    assert [type(one).__name__ for one in features_of(spec)] == ["NetworkFeatures", "HandcraftedFeatures"]
    assert features_of(spec)[1].handcrafted == tuple(FAMILIES)

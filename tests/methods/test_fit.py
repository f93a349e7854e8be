"""What learns from features: weights by group, scale of training images alone, calibration."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from leukolab.base.errors import SpecError
from leukolab.methods import load_method
from leukolab.methods.calibrate import Scale, fit_scale
from leukolab.methods.fit import Examples, fit, sample_weights, scores
from leukolab.spec import LearnerSpec, MethodSpec, ReduceSpec

K450 = load_method("k450")


def method(estimator: str = "LogisticRegression", **changes: object) -> MethodSpec:
    parameters = changes.pop("parameters", {})
    learner = LearnerSpec(estimator=estimator, parameters=parameters)
    return K450.model_copy(update={"learner": learner, **changes})


@pytest.fixture
def examples() -> Examples:
    rng = np.random.default_rng(1)
    labels = np.arange(120) % 2
    features = rng.normal(5.0, 3.0, (120, 6)) + labels[:, None] * np.array([4, 2, 0, 0, 0, 0])
    return Examples(features.astype(np.float32), labels, rng.uniform(0.5, 2.0, 120))


def test_every_group_of_a_class_weighs_the_same_and_so_does_each_class() -> None:
    labels, groups = np.array([0, 0, 0, 0, 1, 1]), np.array(["a", "a", "a", "b", "c", "c"])
    weights = sample_weights(K450, labels, groups, np.ones(6, dtype=np.int64))
    assert weights[:3].sum() == pytest.approx(weights[3]) == pytest.approx(1.5)
    assert weights[4:].sum() == pytest.approx(weights[:4].sum())
    by_class = sample_weights(method(weigh="class"), labels, groups, np.ones(6, dtype=np.int64))
    assert by_class.tolist() == pytest.approx([0.75] * 4 + [1.5] * 2)
    copies = np.array([2, 1, 1, 1, 1, 1])
    assert sample_weights(method(weigh="image"), labels, groups, copies).tolist() == pytest.approx(
        (copies * 6 / 7).tolist()
    )


def test_the_kernel_machine_is_that_of_scikit_learn(examples: Examples) -> None:
    fitted = fit(K450, examples, 3)
    scaled = StandardScaler().fit(examples.features.astype(np.float64)).transform(examples.features)
    other = SVC(C=2, gamma=0.2 / 6).fit(np.clip(scaled, -6, 6), examples.labels, sample_weight=examples.weights)
    found = scores(fitted, examples.features)
    assert found[:, 1] - found[:, 0] == pytest.approx(other.decision_function(np.clip(scaled, -6, 6)), abs=2e-3)


def test_scale_and_components_come_from_training_images_alone(examples: Examples) -> None:
    fitted = fit(method(reduce=ReduceSpec(components=3), parameters={"C": 0.1}), examples, 3)
    assert fitted["standardise"].mean_ == pytest.approx(examples.features.astype(np.float64).mean(axis=0))
    assert fitted["components"].n_components_ == 3
    alone, beside = scores(fitted, examples.features[:5]), scores(fitted, examples.features * 100)[:5]
    assert not np.allclose(alone, beside)
    assert scores(fitted, examples.features)[:5] == pytest.approx(alone)


def test_calibration_reaches_the_log_loss_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(size=4000)
    labels = (rng.uniform(size=4000) < 1 / (1 + np.exp(-(2 * truth - 0.7)))).astype(np.int64)
    decided = np.stack([-truth / 2, truth / 2], axis=1)
    weights = rng.uniform(0.5, 1.5, 4000)
    found = fit_scale(decided, labels, weights)(decided)
    other = LogisticRegression(C=1e9).fit(truth[:, None], labels, sample_weight=weights).predict_proba(truth[:, None])
    assert found == pytest.approx(other, abs=2e-3)
    assert found.sum(axis=1) == pytest.approx(np.ones(4000))


def test_several_classes_are_calibrated(examples: Examples) -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 900)
    decided = rng.normal(size=(900, 3)) + 2 * np.eye(3)[labels]
    before, after = Scale(1.0, (0.0, 0.0, 0.0))(decided * 9), fit_scale(decided * 9, labels, np.ones(900))(decided * 9)
    assert log_loss(labels, after) < 0.6 * log_loss(labels, before)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (method("SCV"), "scikit-learn has no classifier 'SCV'. Did you mean 'SVC'"),
        (method("SVC", parameters={"kernal": "rbf"}), "learner.parameters: SVC"),
        (method("KNeighborsClassifier"), "cannot learn so"),
        (method("SVC", parameters={"C": -1}), "cannot learn so"),
    ],
)
def test_what_scikit_learn_refuses_is_said_in_one_sentence(
    changed: MethodSpec, sentence: str, examples: Examples
) -> None:
    with pytest.raises(SpecError, match=sentence.replace(".", r"\.")):
        fit(changed, examples, 1)

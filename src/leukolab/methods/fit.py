"""Fits what a method learns: scale, components, classifier and calibration, on weighed images. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukolab.base.errors import SpecError, nearest
from leukolab.spec import LearnerSpec, MethodSpec

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Ints = NDArray[np.int64]
SMALLEST = 1e-6


@dataclass(frozen=True)
class Examples:
    """Images to learn from.

    Attributes:
        features: float32 (n, d). labels: int64 (n,), every class of `classes` at least once.
        weights: float64 (n,), how much each counts.
    """

    features: Features = field(repr=False)
    labels: Ints = field(repr=False)
    weights: Floats = field(repr=False)


@dataclass(frozen=True)
class Fitted:
    """What was learned: `scores` gives decision values, `probabilities` calibrated ones."""

    mean_d: Floats = field(repr=False)
    deviation_d: Floats = field(repr=False)
    clip: float | None
    components: Any
    learner: Any
    classes: int

    def scores(self, features: Features) -> Floats:
        """Decision values (n, k): log-odds like numbers, one column for each class."""
        reduced = self._reduced(features)
        if hasattr(self.learner, "decision_function"):
            found = np.asarray(self.learner.decision_function(reduced), dtype=np.float64)
            return np.stack([-found / 2, found / 2], axis=1) if found.ndim == 1 else found
        return np.asarray(np.log(np.clip(self.learner.predict_proba(reduced), SMALLEST, None)))

    def _reduced(self, features: Features) -> Floats:
        reduced = (features - self.mean_d) / self.deviation_d
        if self.clip is not None:
            reduced = np.clip(reduced, -self.clip, self.clip)
        return np.asarray(reduced if self.components is None else self.components.transform(reduced))


def sample_weights(spec: MethodSpec, labels: Ints, groups: NDArray[Any], copies: Ints) -> Floats:
    """How much each training image counts, mean 1, as the method says; float64 (n,)."""
    weights = copies.astype(np.float64)
    if spec.weigh == "group":
        _, codes = np.unique(np.stack([groups.astype(str), labels.astype(str)]), axis=1, return_inverse=True)
        weights = weights / np.bincount(codes.ravel(), weights=weights)[codes.ravel()]
    if spec.weigh in ("class", "group"):
        weights = weights / np.bincount(labels, weights=weights)[labels]
    return np.asarray(weights * len(weights) / weights.sum())


def fit(spec: MethodSpec, examples: Examples, seed: int) -> Fitted:
    """Learn from these images.

    Raises:
        SpecError: scikit-learn has no such classifier, or it does not take these parameters.
    """
    features = examples.features.astype(np.float64)
    mean_d, deviation_d = np.zeros(features.shape[1]), np.ones(features.shape[1])
    if spec.reduce.standardise:
        mean_d, deviation_d = features.mean(axis=0), np.maximum(features.std(axis=0), SMALLEST)
    started = Fitted(mean_d, deviation_d, spec.reduce.clip, None, None, int(examples.labels.max()) + 1)
    reduced, components = started._reduced(examples.features), None
    if spec.reduce.components is not None:
        from sklearn.decomposition import PCA

        count = min(spec.reduce.components, *reduced.shape)
        components = PCA(count, svd_solver="full").fit(reduced)
        reduced = components.transform(reduced)
    learner = _learner(spec.learner, reduced.shape[1], seed)
    try:
        learner.fit(reduced, examples.labels, sample_weight=examples.weights)
    except (TypeError, ValueError) as error:  # scikit-learn's ways to refuse a parameter
        raise SpecError(
            f"method {spec.name}: {spec.learner.estimator} cannot learn so ({str(error).splitlines()[0]}). "
            "Check learner.parameters."
        ) from error
    return Fitted(mean_d, deviation_d, spec.reduce.clip, components, learner, started.classes)


def _learner(spec: LearnerSpec, width: int, seed: int) -> Any:
    """The classifier, not yet fitted; what is random in it drawn from `seed`."""
    from sklearn.utils import all_estimators

    known = dict(all_estimators(type_filter="classifier"))
    if spec.estimator not in known:
        raise SpecError(
            f"learner.estimator: scikit-learn has no classifier '{spec.estimator}'. {nearest(spec.estimator, known)}"
        )
    parameters = dict(spec.parameters)
    if "gamma_times_features" in parameters:
        parameters["gamma"] = float(parameters.pop("gamma_times_features")) / width
    try:
        learner = known[spec.estimator](**parameters)
    except TypeError as error:
        raise SpecError(f"learner.parameters: {spec.estimator}: {error}.") from error
    return learner.set_params(random_state=seed % 2**32) if "random_state" in learner.get_params() else learner

"""Fits what a method learns, a pipeline of scikit-learn on weighed images: scale, components, classifier. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from leukolab.base.errors import SpecError, nearest
from leukolab.methods.boosters import BOOSTERS, boosted
from leukolab.spec import LearnerSpec, MethodSpec, ReduceSpec

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
Ints = NDArray[np.int64]
SMALLEST = 1e-6
LEARNER = "learner"
"""The last step of a fitted pipeline."""


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


def sample_weights(spec: MethodSpec, labels: Ints, groups: NDArray[Any], copies: Ints) -> Floats:
    """How much each training image counts, mean 1, as the method says; float64 (n,)."""
    weights = copies.astype(np.float64)
    if spec.weigh == "group":
        _, codes = np.unique(np.stack([groups.astype(str), labels.astype(str)]), axis=1, return_inverse=True)
        weights = weights / np.bincount(codes.ravel(), weights=weights)[codes.ravel()]
    if spec.weigh in ("class", "group"):
        weights = weights / np.bincount(labels, weights=weights)[labels]
    return np.asarray(weights * len(weights) / weights.sum())


def fit(spec: MethodSpec, examples: Examples, seed: int) -> Pipeline:
    """Learn from these images.

    An RBF machine with `gamma_times_features` gets its kernel from scikit-learn's `rbf_kernel` (gamma 1 / d) on
    features times sqrt(gamma * d): the same machine as with its own kernel, at an eighth of the time.

    Raises:
        SpecError: scikit-learn has no such classifier, or it does not take these parameters.
    """
    features = examples.features.astype(np.float64)
    reduced = _reduced(spec.reduce, *features.shape)
    width = features.shape[1] if spec.reduce.components is None else reduced[-1][1].n_components
    learner, gamma = spec.learner, spec.learner.parameters.get("gamma_times_features")
    if learner.estimator == "SVC" and learner.parameters.get("kernel", "rbf") == "rbf" and gamma is not None:
        reduced.append(("gamma", FunctionTransformer(np.dot, kw_args={"b": float(gamma) ** 0.5})))
        parameters = {name: one for name, one in learner.parameters.items() if name != "gamma_times_features"}
        learner = learner.model_copy(update={"parameters": parameters | {"kernel": rbf_kernel}})
    pipeline = Pipeline([*reduced, (LEARNER, _learner(learner, width, seed))])
    try:
        with threadpool_limits(1, user_api="blas"):  # else the last bits depend on the number of threads
            return pipeline.fit(features, examples.labels, **{f"{LEARNER}__sample_weight": examples.weights})
    except (TypeError, ValueError) as error:  # scikit-learn's ways to refuse a parameter
        raise SpecError(
            f"method {spec.name}: {spec.learner.estimator} cannot learn so ({str(error).splitlines()[0]}). "
            "Check learner.parameters."
        ) from error


def scores(pipeline: Pipeline, features: Features) -> Floats:
    """Decision values (n, k) of features (n, d): numbers like log-odds, one column for each class."""
    exact = features.astype(np.float64)
    with threadpool_limits(1, user_api="blas"):
        if hasattr(pipeline[-1], "decision_function"):
            found = np.asarray(pipeline.decision_function(exact), dtype=np.float64)
            return np.stack([-found / 2, found / 2], axis=1) if found.ndim == 1 else found
        return np.asarray(np.log(np.clip(pipeline.predict_proba(exact), SMALLEST, None)))


def _reduced(spec: ReduceSpec, images: int, width: int) -> list[tuple[str, Any]]:
    """The steps before the classifier, not yet fitted."""
    steps: list[tuple[str, Any]] = []
    if spec.standardise:
        steps.append(("standardise", StandardScaler()))
    if spec.clip is not None:
        steps.append(("clip", FunctionTransformer(np.clip, kw_args={"a_min": -spec.clip, "a_max": spec.clip})))
    if spec.components is not None:
        steps.append(("components", PCA(min(spec.components, images, width), svd_solver="full")))
    return steps


def _learner(spec: LearnerSpec, width: int, seed: int) -> Any:
    """The classifier, not yet fitted; what is random in it drawn from `seed`."""
    if spec.estimator in BOOSTERS:
        return boosted(spec, seed)
    known = dict(all_estimators(type_filter="classifier"))
    if spec.estimator not in known:
        raise SpecError(
            f"learner.estimator: scikit-learn has no classifier '{spec.estimator}'. "
            f"{nearest(spec.estimator, [*known, *BOOSTERS])}"
        )
    parameters = dict(spec.parameters)
    parts = [(one.estimator, _learner(one, width, seed)) for one in spec.of]
    if len(parts) == 1:
        parameters["estimator"] = parts[0][1]
    elif parts:
        parameters["estimators"] = parts
    if "gamma_times_features" in parameters:
        parameters["gamma"] = float(parameters.pop("gamma_times_features")) / width
    try:
        learner = known[spec.estimator](**parameters)
    except TypeError as error:
        raise SpecError(f"learner.parameters: {spec.estimator}: {error}.") from error
    return learner.set_params(random_state=seed % 2**32) if "random_state" in learner.get_params() else learner

"""Gradient boosting by LightGBM or XGBoost, optional packages: one thread, seeded, kept in their own text formats."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from leukolab.base.errors import MissingExtraError, SpecError, nearest
from leukolab.spec import LearnerSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Library:
    """Where a booster comes from, and the parameters that are set here, so that the same seed gives the same bytes."""

    module: str
    fixed: dict[str, Any]


BOOSTERS = {
    "LGBMClassifier": Library(
        "lightgbm", {"n_jobs": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    ),
    "XGBClassifier": Library("xgboost", {"n_jobs": 1, "device": "cpu", "verbosity": 0}),
}
"""By the name that a method gives as `estimator`."""


class Boosted(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A booster as a classifier of scikit-learn that holds no object of the package, only its text, as uint8.

    Args:
        estimator: of `BOOSTERS`. parameters: as the package names them. random_state: its seed.
    """

    def __init__(self, estimator: str, parameters: dict[str, Any] | None = None, random_state: int = 0) -> None:
        self.estimator = estimator
        self.parameters = parameters
        self.random_state = random_state

    def fit(self, x: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Boosted:
        """Learn; labels are whole numbers from 0, each of them there."""
        package, fixed = _package(self.estimator), BOOSTERS[self.estimator].fixed
        maker = getattr(package, self.estimator)
        learner = maker(**(self.parameters or {}), **fixed, random_state=self.random_state % 2**31)
        learner.fit(np.asarray(x), np.asarray(y), sample_weight=sample_weight)
        self.classes_ = np.unique(np.asarray(y))
        self.text_ = np.frombuffer(_WRITERS[self.estimator](learner), dtype=np.uint8)
        return self

    def predict_proba(self, x: ArrayLike) -> Floats:
        """Probabilities float64 (n, k)."""
        values = np.asarray(x, dtype=np.float64)
        found = np.asarray(
            _ASK[self.estimator](_package(self.estimator), self.text_.tobytes(), values), dtype=np.float64
        )
        return np.stack([1 - found, found], axis=1) if found.ndim == 1 else found / found.sum(axis=1, keepdims=True)

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """The likeliest class (n,)."""
        return np.asarray(self.classes_[self.predict_proba(x).argmax(axis=1)])


def boosted(spec: LearnerSpec, seed: int) -> Boosted:
    """The booster of a method, not yet fitted.

    Raises:
        MissingExtraError: its package is not installed.
        SpecError: it has no such parameter, or that one is not a method's to set.
    """
    known = set(getattr(_package(spec.estimator), spec.estimator)().get_params())
    known -= {*BOOSTERS[spec.estimator].fixed, "random_state"}
    for name in spec.parameters:
        if name not in known:
            raise SpecError(
                f"learner.parameters: {spec.estimator} takes no '{name}' here. {nearest(name, known)}",
                settings=("learner.parameters",),
            )
    return Boosted(spec.estimator, dict(spec.parameters), seed)


def check_installed(spec: LearnerSpec) -> None:
    """See that the packages of a learner are there.

    Raises:
        MissingExtraError: one is not.
    """
    for one in (spec, *spec.of):
        if one.estimator in BOOSTERS and find_spec(BOOSTERS[one.estimator].module) is None:
            raise _missing(one.estimator)
        if one is not spec:
            check_installed(one)


def _package(estimator: str) -> Any:
    try:
        return import_module(BOOSTERS[estimator].module)
    except ModuleNotFoundError as error:
        raise _missing(estimator) from error


def _missing(estimator: str) -> MissingExtraError:
    return MissingExtraError(
        f"{estimator} needs {BOOSTERS[estimator].module}: install it with 'pip install \"leukolab[boost]\"'."
    )


def _ask_lightgbm(package: Any, text: bytes, values: Floats) -> Any:
    return package.Booster(model_str=text.decode()).predict(values, num_threads=1)


def _ask_xgboost(package: Any, text: bytes, values: Floats) -> Any:
    booster = package.Booster({"nthread": 1})
    booster.load_model(bytearray(text))
    return booster.predict(package.DMatrix(values, nthread=1))


_WRITERS: dict[str, Any] = {
    "LGBMClassifier": lambda learner: learner.booster_.model_to_string().encode(),
    "XGBClassifier": lambda learner: bytes(learner.get_booster().save_raw("json")),
}
"""A fitted booster as text: LightGBM's own, XGBoost's JSON."""
_ASK: dict[str, Any] = {"LGBMClassifier": _ask_lightgbm, "XGBClassifier": _ask_xgboost}
"""The package, such a text and features (n, d) to probabilities: (n,) of the second class, or (n, k)."""

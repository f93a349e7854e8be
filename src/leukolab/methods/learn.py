"""A method from its examples: what is tried on inner folds, what is chosen there, calibrated, and learned from all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from leukolab.methods.calibrate import Scale, fit_scale
from leukolab.methods.fit import Examples, Features, Floats, Ints, fit, sample_weights, scores
from leukolab.spec import AnyMethod, MethodSpec, NetworkFeatures, leaves_of
from leukolab.spec.read import parse_settings, put

SMALLEST = 1e-12
Sources = Mapping[NetworkFeatures, Features]
"""What is seen of images: each kind of features to float32 (n, d)."""


@dataclass(frozen=True)
class Fold:
    """One inner fold: rows that are learned from with how often each counts, and rows that are kept from it."""

    rows: Ints
    copies: Ints
    held: Ints


@dataclass(frozen=True)
class Images:
    """Images that may be learned from: their features, int64 labels (n,) and identity groups (n,)."""

    sources: Sources = field(repr=False)
    labels: Ints = field(repr=False)
    groups: NDArray[Any] = field(repr=False)
    classes: int


@dataclass(frozen=True)
class Part:
    """One single method as it was learned."""

    spec: MethodSpec
    fitted: Pipeline = field(repr=False)
    scale: Scale

    def log_probabilities(self, sources: Sources) -> Floats:
        """Calibrated, (n, k)."""
        return _log(self.scale(scores(self.fitted, _beside(self.spec, sources))))


@dataclass(frozen=True)
class Tried:
    """How one method did on the inner folds: weighted log loss of calibrated probabilities, in nats."""

    name: str
    log_loss: float
    chosen: bool


@dataclass(frozen=True)
class Learned:
    """A method as it was learned: probabilities are `scale` of the mean of its parts' log probabilities."""

    parts: tuple[Part, ...]
    scale: Scale
    chosen: AnyMethod
    """The method with nothing left to choose."""
    tried: tuple[Tried, ...] = ()

    def probabilities(self, sources: Sources) -> Floats:
        """Calibrated, float64 (n, k)."""
        return self.scale(np.mean([part.log_probabilities(sources) for part in self.parts], axis=0))


@dataclass(frozen=True)
class _Settled:
    """A method with nothing left to choose, and its calibrated log probabilities on the inner folds."""

    chosen: AnyMethod
    scales: tuple[Scale, ...]
    scale: Scale
    log_nk: Floats
    loss: float


def learn(spec: AnyMethod, images: Images, folds: Sequence[Fold], seed: int) -> Learned:
    """Choose and calibrate on the inner folds, then learn from all their images.

    Args:
        spec: the method. images: all images there are; only rows of `folds` are used.
        folds: each row that is kept from one fold counts once; rows of a fold are never among its own kept ones.
        seed: of what is random in a classifier.

    Raises:
        SpecError: scikit-learn refuses a setting.
    """
    held = np.unique(np.concatenate([fold.held for fold in folds]))
    counts = {row: n for fold in folds for row, n in zip(fold.rows.tolist(), fold.copies.tolist(), strict=True)}
    tried: list[Tried] = []

    def weights(one: MethodSpec, rows: Ints, copies: Ints) -> Floats:
        return sample_weights(one, images.labels[rows], images.groups[rows], copies)

    def fitted(one: MethodSpec, features: Features, rows: Ints, copies: Ints) -> Pipeline:
        return fit(one, Examples(features[rows], images.labels[rows], weights(one, rows, copies)), seed)

    def single(one: MethodSpec) -> _Settled:
        features, found = _beside(one, images.sources), np.zeros((len(images.labels), images.classes))
        for fold in folds:
            found[fold.held] = scores(fitted(one, features, fold.rows, fold.copies), features[fold.held])
        scale, log_nk, loss = _calibrated(found[held], images.labels[held], weights(one, held, np.ones_like(held)))
        return _Settled(one, (scale,), _nothing(images.classes), log_nk, loss)

    def best(name: str, candidates: Iterable[_Settled]) -> _Settled:
        some = list(candidates)
        least = min(some, key=lambda one: one.loss)
        tried.extend(Tried(f"{name}: {one.chosen.name}", one.loss, one is least) for one in some)
        return least

    def settle(one: AnyMethod) -> _Settled:
        if isinstance(one, MethodSpec):
            return best(one.name, map(single, combinations(one))) if one.search else single(one)
        if one.how == "choose":
            return best(one.name, map(settle, one.among))
        several = [settle(other) for other in one.among]
        mean = np.mean([other.log_nk for other in several], axis=0)
        least = leaves_of(several[0].chosen)[0]
        scale, log_nk, loss = _calibrated(mean, images.labels[held], weights(least, held, np.ones_like(held)))
        chosen = one.model_copy(update={"among": tuple(other.chosen for other in several)})
        return _Settled(chosen, tuple(scale for other in several for scale in other.scales), scale, log_nk, loss)

    settled = settle(spec)
    everyone = np.union1d(held, np.array(sorted(counts), dtype=np.int64))
    copies = np.array([counts.get(row, 1) for row in everyone.tolist()])
    parts = tuple(
        Part(leaf, fitted(leaf, _beside(leaf, images.sources), everyone, copies), scale)
        for leaf, scale in zip(leaves_of(settled.chosen), settled.scales, strict=True)
    )
    return Learned(parts, settled.scale, settled.chosen, tuple(tried))


def combinations(spec: MethodSpec) -> list[MethodSpec]:
    """A method with each combination of the values it searches, in the order of the file.

    Raises:
        SpecError: a setting is not known, or does not take that value.
    """
    found = []
    for values in itertools.product(*spec.search.values()):
        raw = spec.model_dump(mode="json") | {"search": {}}
        for setting, value in zip(spec.search, values, strict=True):
            put(raw, setting, value)
        said = ", ".join(f"{key.rpartition('.')[2]}={one}" for key, one in zip(spec.search, values, strict=True))
        one = parse_settings(MethodSpec, raw, f"method {spec.name}, search")
        found.append(one.model_copy(update={"title": f"{spec.title} ({said})"}))
    return found


def most_often(chosen: Sequence[AnyMethod]) -> AnyMethod:
    """The choice that was made most often, the earlier of two alike."""
    return max(chosen, key=list(chosen).count)


def _beside(spec: MethodSpec, sources: Sources) -> Features:
    return np.concatenate([sources[one] for one in spec.features], axis=1)


def _calibrated(scores_nk: Floats, labels: Ints, weights: Floats) -> tuple[Scale, Floats, float]:
    scale = fit_scale(scores_nk, labels, weights)
    log_nk = _log(scale(scores_nk))
    return scale, log_nk, float(-(weights * log_nk[np.arange(len(labels)), labels]).sum() / weights.sum())


def _log(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST)))


def _nothing(classes: int) -> Scale:
    return Scale(1.0, (0.0,) * classes)

"""A method from its examples: what is tried on inner folds, what is chosen there, calibrated, and learned from all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from leukolab.methods.calibrate import Scale, fit_scale
from leukolab.methods.fit import Examples, Features, Floats, Ints, fit, sample_weights, scores
from leukolab.spec import AnyFeatures, AnyMethod, MethodSpec, leaves_of, views_of
from leukolab.spec.read import parse_settings, put

SMALLEST = 1e-12
Sources = Mapping[AnyFeatures, Features]
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
        return _log(self.scale(scores(self.fitted, _beside(self.spec.features, sources))))


@dataclass(frozen=True)
class Tried:
    """How one method did on the inner folds: weighted log loss of calibrated probabilities, in nats."""

    name: str
    log_loss: float
    chosen: bool


@dataclass(frozen=True)
class Held:
    """What each inner fold, with the settings chosen, says of the rows kept from it: calibrated, float64 (n, k)."""

    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Ascending."""
    probabilities: Floats = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True)
class Learned:
    """A method as it was learned: probabilities are `scale` of the mean of its parts' log probabilities."""

    parts: tuple[Part, ...]
    scale: Scale
    chosen: AnyMethod
    """The method with nothing left to choose."""
    tried: tuple[Tried, ...] = ()
    held: Held = field(default_factory=Held, repr=False)
    """Empty where the method was read from a file."""

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
    trial = _Trial(images, folds, seed)
    settled = trial.settle(spec)
    counts = {row: n for fold in folds for row, n in zip(fold.rows.tolist(), fold.copies.tolist(), strict=True)}
    everyone = np.union1d(trial.held, np.array(sorted(counts), dtype=np.int64))
    copies = np.array([counts.get(row, 1) for row in everyone.tolist()])
    parts = tuple(
        Part(leaf, trial.fitted(leaf, everyone, copies), scale)
        for leaf, scale in zip(leaves_of(settled.chosen), settled.scales, strict=True)
    )
    held = Held(trial.held, np.exp(settled.log_nk))
    return Learned(parts, settled.scale, settled.chosen, tuple(trial.tried), held)


@dataclass(frozen=True)
class _Trial:
    """Methods on the inner folds."""

    images: Images
    folds: Sequence[Fold]
    seed: int
    tried: list[Tried] = field(default_factory=list)
    known: dict[str, _Settled] = field(default_factory=dict)
    """Single methods by their settings; one may be met again in a fusion."""

    @cached_property
    def held(self) -> Ints:
        """Rows that are kept from a fold, each once."""
        return np.unique(np.concatenate([fold.held for fold in self.folds]))

    def settle(self, spec: AnyMethod) -> _Settled:
        if isinstance(spec, MethodSpec):
            return self._best(spec.name, map(self._single, combinations(spec))) if spec.search else self._single(spec)
        if spec.how == "choose":
            return self._best(spec.name, map(self.settle, spec.among))
        several = [self.settle(one) for one in spec.among]
        chosen = spec.model_copy(update={"among": tuple(one.chosen for one in several)})
        scale, log_nk, loss = self._calibrated(leaves_of(chosen)[0], np.mean([one.log_nk for one in several], axis=0))
        return _Settled(chosen, tuple(one for other in several for one in other.scales), scale, log_nk, loss)

    def fitted(self, spec: MethodSpec, rows: Ints, copies: Ints) -> Pipeline:
        views = [_beside(view, self.images.sources)[rows] for view in views_of(spec)]
        labels, weights = self.images.labels[rows], self._weights(spec, rows, copies)
        weighed = np.outer([1.0, spec.also_weight][: len(views)], weights).ravel()
        examples = Examples(np.concatenate(views), np.tile(labels, len(views)), weighed)
        return fit(spec, examples, self.seed)

    def _single(self, spec: MethodSpec) -> _Settled:
        settings = spec.model_dump_json(exclude={"name", "title"})
        if settings not in self.known:
            self.known[settings] = self._asked(spec)
        return replace(self.known[settings], chosen=spec)

    def _asked(self, spec: MethodSpec) -> _Settled:
        features = _beside(spec.features, self.images.sources)
        found = np.zeros((len(self.images.labels), self.images.classes))
        for fold in self.folds:
            found[fold.held] = scores(self.fitted(spec, fold.rows, fold.copies), features[fold.held])
        scale, log_nk, loss = self._calibrated(spec, found[self.held])
        return _Settled(spec, (scale,), Scale(1.0, (0.0,) * self.images.classes), log_nk, loss)

    def _best(self, name: str, candidates: Iterable[_Settled]) -> _Settled:
        some = list(candidates)
        least = min(some, key=lambda one: one.loss)
        self.tried.extend(Tried(f"{name}: {one.chosen.title}", one.loss, one is least) for one in some)
        return least

    def _calibrated(self, spec: MethodSpec, scores_nk: Floats) -> tuple[Scale, Floats, float]:
        labels, weights = self.images.labels[self.held], self._weights(spec, self.held, np.ones_like(self.held))
        scale = fit_scale(scores_nk, labels, weights)
        log_nk = _log(scale(scores_nk))
        return scale, log_nk, float(-(weights * log_nk[np.arange(len(labels)), labels]).sum() / weights.sum())

    def _weights(self, spec: MethodSpec, rows: Ints, copies: Ints) -> Floats:
        return sample_weights(spec, self.images.labels[rows], self.images.groups[rows], copies)


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


def _beside(features: Sequence[AnyFeatures], sources: Sources) -> Features:
    return np.concatenate([sources[one] for one in features], axis=1)


def _log(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST)))

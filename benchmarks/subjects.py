"""Predictions of subjects drawn at random, and what every metric would be on endlessly many of them.

A subject has one class c. Its images score margin + effect of the subject + Gumbel noise for class c, and a leaning of
the subject + Gumbel noise for each other class; probabilities are the softmax. Among two classes an image is then
right with probability expit(margin + effect). The sizes are those of the identity groups of C-NMC 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from leukolab.stats import METRICS

Array = NDArray[Any]

NORMAL = (32, 185, 137, 30, 327, 13, 9, 77, 441, 38, 5, 31, 84, 140, 50, 20, 47, 162, 100, 404, 25, 20, 47, 119, 167,
          373, 54, 29, 18, 46, 385, 69, 108, 19, 35, 29, 162)  # fmt: skip
"""Images of each identity group of normal cells."""
BLASTS = (89, 58, 9, 156, 35, 1121, 96, 139, 99, 178, 197, 73, 146, 268, 112, 246, 12, 7, 83, 267, 14, 92, 74, 103, 178,
          212, 155, 113, 278, 197, 262, 31, 53, 74, 161, 142, 92, 11, 201, 111, 181, 402, 18, 250, 19, 84, 97, 352, 145,
          253, 190, 201, 111, 10, 69, 164)  # fmt: skip
"""Images of each identity group of blasts."""
DEVIATION = 0.22
"""Deviation of the recall over subjects, where the mean recall is 0.80."""
CONFUSION = 0.7
"""Deviation of a subject's leaning to one wrong class, on the scale of margins, with more than two classes."""
TRUTH_IMAGES = 400_000
"""Images of each class that the truth is computed from, each of a subject of its own."""
THRESHOLDS = 4000

NODES, NODE_WEIGHTS = (lambda made: (made[0], made[1] / made[1].sum()))(np.polynomial.hermite_e.hermegauss(80))


def margin_of(recall: float, spread: float) -> float:
    """Margin at which the mean recall over subjects of normal effects of deviation `spread` is `recall`."""
    return float(brentq(lambda margin: NODE_WEIGHTS @ expit(margin + spread * NODES) - recall, -5, 15))


def _deviation(spread: float) -> float:
    recalls = expit(margin_of(0.80, spread) + spread * NODES)
    return float(np.sqrt(NODE_WEIGHTS @ recalls**2 - (NODE_WEIGHTS @ recalls) ** 2))


SPREAD = float(brentq(lambda spread: _deviation(spread) - DEVIATION, 0.2, 5))
"""Deviation of the effects of subjects, on the scale of margins."""


@dataclass(frozen=True)
class Predictions:
    """Labels (n,), probabilities (n, k), subjects (n,)."""

    labels_n: Array
    probs_nk: Array
    subjects_n: Array


@dataclass(frozen=True)
class World:
    """Where subjects come from."""

    classes: int
    recall: float
    kind: str = "normal"
    """Effects of subjects: `normal`; `skew`, of whom 15 % are bad; `all_or_none` of a subject's images are right; or
    `both`, where every subject has images of both classes, with effects that correlate by 0.5."""

    def draw(self, counts: tuple[int, ...], rng: np.random.Generator) -> Predictions:
        """As many subjects of each class."""
        labels, subjects, margins = [], [], []
        shared = rng.normal(size=counts[0])
        for label, count in enumerate(counts):
            sizes = rng.choice(self._sizes(label), count)
            effects = self._margins(count, rng, shared)
            names = np.arange(count) + (0 if self.kind == "both" else 1_000_000 * label)
            labels.append(np.full(sizes.sum(), label))
            subjects.append(np.repeat(names, sizes))
            margins.append(self._scores(np.repeat(effects, sizes), label, np.repeat(np.arange(count), sizes), rng))
        return Predictions(np.concatenate(labels), np.concatenate(margins), np.concatenate(subjects))

    def _sizes(self, label: int) -> Array:
        pools = (NORMAL, BLASTS) if self.classes == 2 else (NORMAL + BLASTS,) * self.classes
        return np.array(pools[label])

    def _margins(self, count: int, rng: np.random.Generator, shared: Array | None = None) -> Array:
        """Margin of each subject over the mean of the other classes together."""
        normal = rng.normal(size=count)
        if self.kind == "both" and shared is not None:
            normal = 0.5 * shared[:count] + np.sqrt(0.75) * normal
        if self.kind == "skew":
            good = brentq(lambda m: NODE_WEIGHTS @ expit(m + 0.6 * NODES) - (self.recall - 0.15 * 0.35) / 0.85, -5, 15)
            bad = np.log(0.35 / 0.65)
            return np.where(rng.random(count) < 0.15, bad + 0.5 * normal, good + 0.6 * normal)
        if self.kind == "all_or_none":
            return np.where(rng.random(count) < self.recall, 12.0, -12.0)
        return np.asarray(margin_of(self.recall, SPREAD) + SPREAD * normal)

    def _scores(self, margins_n: Array, label: int, owners_n: Array, rng: np.random.Generator) -> Array:
        """Probabilities (n, k) of images of one class."""
        others = self.classes - 1
        scores_nk = rng.gumbel(size=(len(margins_n), self.classes))
        if others > 1:
            leaning_gk = rng.normal(0, CONFUSION, (int(owners_n.max()) + 1, self.classes))
            scores_nk += leaning_gk[owners_n] - np.log(others)
            scores_nk[:, label] += np.log(others) - leaning_gk[owners_n, label]
        scores_nk[:, label] += margins_n
        odds_nk = np.exp(scores_nk - scores_nk.max(axis=1, keepdims=True))
        return np.asarray(odds_nk / odds_nk.sum(axis=1, keepdims=True))

    @cached_property
    def truth(self) -> Truth:
        """What the metrics are made of, on very many subjects."""
        return _truth(self.classes, self.recall, self.kind)


@dataclass(frozen=True)
class Truth:
    """Population values by class; metrics follow for any prevalence."""

    called_kk: Array
    """Share of each class (rows) that is called each class."""
    brier_k: Array
    log_loss_k: Array
    tails_lkt: Array
    """Share of each class k whose score for class l is over threshold t; thresholds fall."""

    def of(self, metrics: Iterable[str], prevalence_k: Array) -> dict[str, float]:
        """The metrics where classes mix so, prevalences (k,) summing to 1."""
        k = len(prevalence_k)
        actual, called = np.divmod(np.arange(k * k), k)
        weights = (prevalence_k[:, None] * self.called_kk).ravel()
        found = dict.fromkeys(metrics, 0.0)
        for name in found:
            if name in ("brier", "log_loss"):
                found[name] = float(prevalence_k @ (self.brier_k if name == "brier" else self.log_loss_k))
            elif name in ("auc", "ap"):
                ranked = (1,) if k == 2 else range(k)
                found[name] = float(np.mean([self._ranked(name, label, prevalence_k) for label in ranked]))
            else:
                found[name] = METRICS[name](actual, np.eye(k)[called], weights)
        return found

    def _ranked(self, metric: str, label: int, prevalence_k: Array) -> float:
        own_t = self.tails_lkt[label, label]
        rest_k = np.delete(prevalence_k, label)
        alarms_t = rest_k @ np.delete(self.tails_lkt[label], label, axis=0) / rest_k.sum()
        if metric == "auc":
            return float(np.trapezoid(own_t, alarms_t))
        hits_t, others_t = prevalence_k[label] * own_t, rest_k.sum() * alarms_t
        precision_t = hits_t / np.maximum(hits_t + others_t, 1e-15)
        return float((np.diff(own_t, prepend=0) * precision_t).sum())


@lru_cache
def _truth(classes: int, recall: float, kind: str) -> Truth:
    rng = np.random.default_rng(7)
    world = World(classes, recall, kind)
    called, brier, log_loss, scores = [], [], [], []
    for label in range(classes):
        margins = world._margins(TRUTH_IMAGES, rng)
        probs_nk = world._scores(margins, label, np.arange(TRUTH_IMAGES), rng)
        calls_n = (probs_nk[:, 1] >= 0.5).astype(int) if classes == 2 else probs_nk.argmax(axis=1)
        called.append(np.bincount(calls_n, minlength=classes) / TRUTH_IMAGES)
        errors_nk = (probs_nk - np.eye(classes)[label]) ** 2
        brier.append((errors_nk[:, 1] if classes == 2 else errors_nk.sum(axis=1)).mean())
        log_loss.append(-np.log(np.maximum(probs_nk[:, label], 1e-15)).mean())
        scores.append(probs_nk)
    together = np.concatenate(scores)
    tails_lkt = np.empty((classes, classes, THRESHOLDS))
    for label in range(classes):
        falling = np.quantile(together[:, label], np.linspace(1, 0, THRESHOLDS))
        for k in range(classes):
            tails_lkt[label, k] = 1 - np.searchsorted(np.sort(scores[k][:, label]), falling) / TRUTH_IMAGES
    return Truth(np.array(called), np.array(brier), np.array(log_loss), tails_lkt)

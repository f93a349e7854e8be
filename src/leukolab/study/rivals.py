"""Two simple rivals beside every study, on the same splits.

- `features`: logistic regression on the frozen features of the study's own backbone;
- `colour`: extra trees on colour, or size and colour, which cannot see morphology.

Both are trained as often as an outer part has folds, each time on the images that the models of that fold train on,
and their probabilities are averaged: no side has seen more images than the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.shortcuts import all_classes, fitted_probe
from leukolab.results.records import RivalRecord
from leukolab.splits import ROLES, class_weights
from leukolab.study.jobs import predictions_frame
from leukolab.study.prepare import Material

NEWS = logging.getLogger(__name__)

Floats = NDArray[np.float64]
RIVALS_VERSION = 3
"""Raised by hand when the same inputs would give other predictions."""


@dataclass(frozen=True)
class RivalInputs:
    """What the rivals see: frozen features (n, d) and shortcut statistics (n, s)."""

    features: NDArray[np.float16]
    shortcuts: Floats

    def of(self, method: str) -> Floats | NDArray[np.float32]:
        """What the rival of one of `METHODS` sees, as numbers it computes with."""
        return self.shortcuts if method == "colour" else self.features.astype(np.float32)


Rival = Callable[[RivalInputs], Floats]
"""What is seen of m images to probabilities (m, k)."""

METHODS = ("features", "colour")
"""What the rivals learn from, in the order in which they are trained."""


def rivals_of(wanted: list[tuple[str, int]]) -> tuple[RivalRecord, ...]:
    """The rivals of each (protocol, outer part)."""
    return tuple(
        RivalRecord(member=f"rival:{method}:{protocol}:outer{outer}", method=method, protocol=protocol, outer=outer)
        for protocol, outer in wanted
        for method in METHODS
    )


def run_rivals(material: Material, rivals: tuple[RivalRecord, ...], seen: RivalInputs, seed: int) -> pd.DataFrame:
    """Predictions of the rivals, of every role but `train`."""
    known = {(rival.protocol, rival.outer, rival.method): rival.member for rival in rivals}
    tables = []
    for protocol, outer in dict.fromkeys((rival.protocol, rival.outer) for rival in rivals):
        NEWS.info(f"simple rivals, {protocol}, outer part {outer}")
        for method in METHODS:
            probs_nk = fitted_rival(method, material, (protocol, outer), seen, seed)(seen)
            member = known[protocol, outer, method]
            tables += [_part(member, material, (protocol, outer), role, probs_nk) for role in ROLES[1:]]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


@dataclass(frozen=True)
class TrainingPart:
    """Rows of the images of one fold's training part (n,), and how much each counts, float64 (n,)."""

    rows: NDArray[np.int64]
    weights: Floats


def training_part(material: Material, protocol: str, outer: int, fold: int) -> TrainingPart:
    """What the models of a fold train on: an image counts as often as it has copies, and each class the same."""
    part = material.splits[protocol].part(outer, fold, "train")
    rows, copies = material.store.rows(list(part["image_id"])), part["copies"].to_numpy(np.int64)
    labels = material.labels[rows]
    return TrainingPart(rows, np.multiply(copies, class_weights(labels, copies)[labels], dtype=np.float64))


def fitted_rival(method: str, material: Material, place: tuple[str, int], seen: RivalInputs, seed: int) -> Rival:
    """A rival of an outer part: the mean of what it learns on the training part of each fold.

    Args:
        method: one of `METHODS`. place: protocol and outer part.
        seen: of all images of the material.
    """
    fit = fitted_probe if method == "colour" else fitted_features
    values, folds = seen.of(method), material.splits[place[0]].folds(place[1])
    parts = [training_part(material, *place, fold) for fold in folds]
    learned = [fit(values, material.labels, part.weights, part.rows, seed) for part in parts]  # type: ignore[arg-type]

    def answer(asked: RivalInputs) -> Floats:
        return np.asarray(np.mean([one(asked.of(method)) for one in learned], axis=0))  # type: ignore[arg-type]

    return answer


def fitted_features(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: Floats,
    rows: NDArray[np.int64],
    seed: int,
) -> Callable[[NDArray[np.float32]], Floats]:
    """Logistic regression on standardised features (n, d) of `rows`: features (m, d) to probabilities (m, k)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features[rows])
    model = LogisticRegression(C=0.01, max_iter=2000, random_state=seed % 2**32)
    model.fit(scaler.transform(features[rows]), labels[rows], sample_weight=weights)
    classes = int(labels.max()) + 1
    return lambda asked: all_classes(model.predict_proba(scaler.transform(asked)), model.classes_, classes)


def _part(member: str, material: Material, place: tuple[str, int], role: str, probs_nk: Floats) -> pd.DataFrame:
    """Predictions of one role; of `validation`, all images no fold trains on."""
    table = material.splits[place[0]].table
    mine = table[(table["outer"] == place[1]) & (table["role"] == role)]
    if role == "validation" and mine["fold"].nunique() > 1:
        mine = mine.iloc[:0]
    rows = material.store.rows(sorted(mine["image_id"].unique()))
    return predictions_frame(member, material, role, rows, probs_nk[rows])

"""Two simple rivals beside every study, on the same splits.

- `features`: logistic regression on the frozen features of the study's own backbone;
- `colour`: extra trees on colour, or size and colour, which cannot see morphology.

Both are trained as often as an outer part has folds, each time on the images that the models of that fold train on,
and their probabilities are averaged: no side has seen more images than the other.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.shortcuts import all_classes, shortcut_probe
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
        folds = [training_part(material, protocol, outer, fold) for fold in material.splits[protocol].folds(outer)]
        for method in METHODS:
            probs_nk = np.mean([_rival(method, seen, material.labels, part, seed) for part in folds], axis=0)
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


def _rival(method: str, seen: RivalInputs, labels: NDArray[np.int64], part: TrainingPart, seed: int) -> Floats:
    """Probabilities (n, k) of every image by one rival trained on one fold."""
    if method == "colour":
        return shortcut_probe(seen.shortcuts, labels, part.weights, part.rows, seed)
    return features_rival(seen.features.astype(np.float32), labels, part.weights, part.rows, seed)


def features_rival(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: Floats,
    rows: NDArray[np.int64],
    seed: int,
) -> Floats:
    """Logistic regression on standardised features (n, d) of `rows`; probabilities (n, k) of every image."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features[rows])
    model = LogisticRegression(C=0.01, max_iter=2000, random_state=seed % 2**32)
    model.fit(scaler.transform(features[rows]), labels[rows], sample_weight=weights)
    return all_classes(model.predict_proba(scaler.transform(features)), model.classes_, int(labels.max()) + 1)


def _part(member: str, material: Material, place: tuple[str, int], role: str, probs_nk: Floats) -> pd.DataFrame:
    """Predictions of one role; of `validation`, all images no fold trains on."""
    table = material.splits[place[0]].table
    mine = table[(table["outer"] == place[1]) & (table["role"] == role)]
    if role == "validation" and mine["fold"].nunique() > 1:
        mine = mine.iloc[:0]
    rows = material.store.rows(sorted(mine["image_id"].unique()))
    return predictions_frame(member, material, role, rows, probs_nk[rows])

"""Two simple rivals beside every study, on the same splits.

- `features`: logistic regression on the frozen features of the study's own backbone;
- `colour`: extra trees on colour, or size and colour, which cannot see morphology.

Both are trained on all images that the models of an outer part train on, in any fold.
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
RIVALS_VERSION = 2
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
        rows, copies = training_rows(material, protocol, outer)
        weights = np.multiply(
            copies, class_weights(material.labels[rows], copies)[material.labels[rows]], dtype=np.float64
        )
        for method, probs_nk in (
            ("features", features_rival(seen.features.astype(np.float32), material.labels, weights, rows, seed)),
            ("colour", shortcut_probe(seen.shortcuts, material.labels, weights, rows, seed)),
        ):
            member = known[protocol, outer, method]
            tables += [_part(member, material, (protocol, outer), role, probs_nk) for role in ROLES[1:]]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def training_rows(material: Material, protocol: str, outer: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of all images that any fold of this outer part trains on, and how often each counts."""
    table = material.splits[protocol].table
    mine = table[(table["outer"] == outer) & (table["role"] == "train")]
    copies = mine.groupby("image_id", sort=True)["copies"].max()
    return material.store.rows(list(copies.index)), copies.to_numpy(np.int64)


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

"""Which images show one cell or one field: proved by digests, or found by texture and calibrated on the data itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.calibration import Calibration, calibrate
from leukolab.audit.exact import BYTES, FLIPPED, PIXELS, TURNS, exact_pairs
from leukolab.audit.looks import CELL, FIELD, Looks, look_at
from leukolab.audit.nearest import Nearest, nearest
from leukolab.audit.overlaps import overlapping

NEAR_CELL, NEAR_FIELD = "near_twin", "near_field"
"""Kinds of pairs that are found by texture: a cell cut out twice, a field taken twice."""

KINDS = (BYTES, PIXELS, FLIPPED, NEAR_CELL, NEAR_FIELD)
"""All that is searched for."""

COLUMNS = ("image_id", "other_id", "kind", "score", "doubt", "turn", "contradicts")
"""Of a table of pairs."""

SHOWN_FALSE_PAIRS = 20.0
"""Doubtful pairs are offered for a person to judge until so many false ones are expected."""


@dataclass(frozen=True)
class Twins:
    """What the search found.

    Attributes:
        pairs: image_id, other_id, kind (one of `KINDS`), score (correlation, 1 where proved), doubt (false pairs
            expected in the whole search with at least this score, 0 where proved), turn (how the first is laid
            to lie as the other, an index into `exact.TURNS`), contradicts (whether both have a label, and
            different ones); the least doubtful first.
        doubtful: pairs under the threshold, the same columns, the least doubtful first: not twins until a
            person says so.
        thresholds: form, turned, overlapping (see `Searched`), threshold, known_false (pairs of two classes to learn
            from; with 0 the threshold is a fixed one), searched, full (whether more pairs were alike than were kept).
        looks: what was seen of each image; see `looks`.
    """

    pairs: pd.DataFrame
    doubtful: pd.DataFrame
    thresholds: pd.DataFrame
    looks: Looks


def find_twins(
    paths: Sequence[Path], image_ids: Sequence[str], labels: Sequence[int], looks: Looks | None = None
) -> Twins:
    """Search all pairs of images for those that show the same cell or field, flipped and turned ones too.

    Args:
        paths: image files.
        image_ids: their names, as many, each once.
        labels: class of each, -1 where unknown; pairs of two classes are what the search is calibrated on.
        looks: of the same images in the same order, where kept from before; read anew where None.
    """
    looks = looks or look_at(paths, image_ids)
    labels_n = np.asarray(labels, dtype=np.int64)
    found, doubtful, thresholds = [_proved(exact_pairs(looks.table, paths))], [], []
    for search in SEARCHES:
        sure, unsure, threshold = _near(looks, labels_n, search)
        found.append(sure)
        doubtful.append(unsure)
        thresholds.append(threshold)
    pairs = _once(pd.concat(found), looks, labels_n)
    known = set(zip(pairs["image_id"], pairs["other_id"], strict=True))
    rest = _once(pd.concat(doubtful), looks, labels_n)
    unknown = [pair not in known for pair in zip(rest["image_id"], rest["other_id"], strict=True)]
    return Twins(pairs, rest[unknown].reset_index(drop=True), pd.DataFrame(thresholds), looks)


@dataclass(frozen=True)
class Searched:
    """One way to search: each is calibrated by itself.

    Attributes:
        form: of the images compared, `cell` or `field`.
        kind: of the pairs found.
        floor: least threshold, whatever the data say. Of fields those that differ are less alike than cells are.
        turned: whether the first image of a pair is flipped or rotated.
        overlapping: whether parts of images are compared, at other places.
    """

    form: str
    kind: str
    floor: float
    turned: bool = False
    overlapping: bool = False


SEARCHES: tuple[Searched, ...] = (
    Searched(CELL, NEAR_CELL, 0.6),
    Searched(CELL, NEAR_CELL, 0.6, turned=True),
    Searched(FIELD, NEAR_FIELD, 0.3),
    Searched(FIELD, NEAR_FIELD, 0.3, turned=True),
    Searched(FIELD, NEAR_FIELD, 0.5, overlapping=True),
)
"""Everything that is compared by texture."""

_UPRIGHT, _TURNED = (0,), tuple(range(1, len(TURNS)))


def _proved(pairs: list[tuple[int, int, str, int]]) -> pd.DataFrame:
    table = pd.DataFrame(pairs, columns=["first", "second", "kind", "turn"])
    return table.assign(score=1.0, doubt=0.0)


def _near(
    looks: Looks, labels: NDArray[np.int64], one: Searched
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """Pairs over the threshold, pairs a person should see, and the threshold with what it rests on."""
    compared = ~looks.table["pixel_digest"].duplicated() & (looks.table["form"] == one.form)
    rows = np.flatnonzero(compared.to_numpy() & np.asarray(looks.textures.any(axis=(1, 2))))
    textures, known = looks.textures[rows], labels[rows]
    turns = _TURNED if one.turned else _UPRIGHT
    most = 1000 + 20 * len(rows)
    search = overlapping(textures, known) if one.overlapping else nearest(textures, known, turns, most)
    tail = search.known_false.score.astype(np.float64)
    scale = calibrate(tail, search.known_false_count, search.searched_count, one.floor)
    table = pd.concat(_rated(part, rows, one.kind, scale) for part in (search.searched, search.known_false))
    sure = table["score"] >= scale.threshold
    shown = ~sure & (table["doubt"] <= SHOWN_FALSE_PAIRS)
    about = {
        "form": one.form,
        "turned": one.turned,
        "overlapping": one.overlapping,
        "threshold": scale.threshold,
        "known_false": scale.known_false if np.isfinite(scale.start) else 0,
        "searched": search.searched_count,
        "full": search.full and bool((search.searched.score >= scale.threshold).all()),
    }
    return table[sure], table[shown], about


def _rated(part: Nearest, rows: NDArray[np.int64], kind: str, scale: Calibration) -> pd.DataFrame:
    score = part.score.astype(np.float64)
    table = {"first": rows[part.first], "second": rows[part.second], "kind": kind, "turn": part.turn, "score": score}
    return pd.DataFrame(table).assign(doubt=scale.doubt(score))


def _once(found: pd.DataFrame, looks: Looks, labels: NDArray[np.int64]) -> pd.DataFrame:
    """Each pair once, with names for rows, the least doubtful first."""
    table = found.sort_values(["doubt", "first", "second"]).drop_duplicates(["first", "second"])
    first, second = (table[name].to_numpy(dtype=np.int64) for name in ("first", "second"))
    names = looks.table["image_id"].to_numpy()
    known = (labels[first] >= 0) & (labels[second] >= 0)
    named = table.assign(
        image_id=names[first],
        other_id=names[second],
        turn=table["turn"].astype(np.int64),
        contradicts=known & (labels[first] != labels[second]),
    )
    return named[list(COLUMNS)].reset_index(drop=True)

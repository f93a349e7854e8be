"""Identity groups: the images that must stay on one side of a split."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukolab.base.keys import digest

EQUAL_KINDS = frozenset({"identical_bytes", "identical_pixels", "flipped"})
"""Kinds of pairs whose pixels are equal, turned or not; every other kind is a likeness."""
NEAR_KINDS = frozenset({"near_twin", "near_field"})
"""Kinds of pairs that only resemble each other: one cell cut out twice, one field taken twice."""
DIFFERENT, TWO_CLASSES, DOUBTFUL = "different", "two_classes", "doubtful"
"""Verdicts on a pair that then merges nothing: a person's; that of labels which contradict a mere likeness; and that of
a search which is not sure.
"""
APART = frozenset({DIFFERENT, TWO_CLASSES, DOUBTFUL})
"""All of them."""

Pair = tuple[int, int]
"""Two rows of an index, the smaller first."""


def subjects_known(index: pd.DataFrame) -> bool:
    """Whether every image names its subject."""
    return "subject" in index and len(index) > 0 and bool(index["subject"].notna().all())


def identity_groups(
    index: pd.DataFrame, same_person: Sequence[Sequence[str]] = (), pairs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Merge subjects with every subject they share a twin with; without subjects, sets of twins.

    Args:
        index: one row per image, with image_id, and subject and pixel_digest where known.
        same_person: subjects that the data card knows to be one person; merged even where no twin shows it.
        pairs: image_id, other_id, kind and score, as a search for twins gives them; each merges two images. Where a
            column `verdict` has one of `APART`, the pair merges nothing, though its pixels be equal. Images that
            are not in the index are ignored.

    Returns:
        image_id, group, reason, in the order of `index`. The group is named after its subjects, joined by `+`,
        else after its smallest image_id. The reason is `subject` where the image names one, `twin` where equal
        pixels (turned or not) tie it to others, `near_twin` where only resemblance does, `image` where nothing does.
    """
    persons = {name: person[0] for person in same_person for name in person}
    subjects = _column(index, "subject")
    twins, near = _twins(index, pairs)
    components_n = _components(subjects.replace(persons), [*twins, *near])
    table = pd.DataFrame({"image_id": index["image_id"].to_numpy(), "component": components_n})
    table["subject"] = subjects.to_numpy()
    names = {key: _name(part) for key, part in table.groupby("component", sort=True)}
    sizes = table["component"].map(table["component"].value_counts())
    twin = np.zeros(len(index), dtype=bool)
    twin[[row for pair in twins for row in pair]] = True
    tied = np.where(twin, "twin", np.where(sizes > 1, "near_twin", "image"))
    reason = np.where(table["subject"].notna(), "subject", tied)
    return pd.DataFrame({"image_id": table["image_id"], "group": table["component"].map(names), "reason": reason})


def groups_fingerprint(groups: pd.DataFrame) -> str:
    """SHA-256 of which image belongs to which group, whatever the order of rows."""
    return digest(
        sorted([str(image), str(group)] for image, group in zip(groups["image_id"], groups["group"], strict=True))
    )


def index_fingerprint(index: pd.DataFrame) -> str:
    """SHA-256 of images, labels and pixel digests, whatever the order of rows or where the files lie."""
    pixels = _column(index, "pixel_digest")
    rows = zip(index["image_id"], index["label"], pixels, strict=True)
    return digest(
        sorted([str(image), int(label), "" if pd.isna(pixel) else str(pixel)] for image, label, pixel in rows)
    )


def _twins(index: pd.DataFrame, pairs: pd.DataFrame | None) -> tuple[list[Pair], list[Pair]]:
    """Pairs of rows with equal pixels, and pairs that resemble each other; those called different left out."""
    row = {name: number for number, name in enumerate(index["image_id"])}
    equal: set[Pair] = set()
    near: set[Pair] = set()
    apart: set[Pair] = set()
    for one, other, kind, verdict in _listed(pairs):
        if one in row and other in row and one != other:
            pair = (min(row[one], row[other]), max(row[one], row[other]))
            (apart if verdict in APART else equal if kind in EQUAL_KINDS else near).add(pair)
    equal |= _equal_pixels(index, apart)
    return sorted(equal - apart), sorted(near - equal - apart)


def _equal_pixels(index: pd.DataFrame, apart: set[Pair]) -> set[Pair]:
    """Pairs that tie all images of equal pixels together: each to the first, or all pairs where one is struck out."""
    pixels = _column(index, "pixel_digest").reset_index(drop=True)
    struck = {row for pair in apart for row in pair}
    found: set[Pair] = set()
    for rows in pixels.groupby(pixels).indices.values():
        every = [int(row) for row in rows]
        if struck.intersection(every):
            found.update(itertools.combinations(every, 2))
        else:
            found.update((every[0], other) for other in every[1:])
    return found


def _listed(pairs: pd.DataFrame | None) -> Iterator[tuple[str, str, str, str]]:
    if pairs is None:
        return
    verdicts = pairs["verdict"] if "verdict" in pairs else [""] * len(pairs)
    yield from zip(pairs["image_id"], pairs["other_id"], pairs["kind"], verdicts, strict=True)


def _components(persons: pd.Series, pairs: Sequence[Pair]) -> np.ndarray:
    """Component of each image in the graph that ties images to their person and to their twins."""
    n = len(persons)
    codes, uniques = pd.factorize(persons)
    known = np.flatnonzero(codes >= 0)
    one, other = np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T
    rows, columns = np.concatenate([known, one]), np.concatenate([codes[known] + n, other])
    nodes = n + len(uniques)
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[:n])


def _name(part: pd.DataFrame) -> str:
    subjects = sorted({str(subject) for subject in part["subject"].dropna()})
    return "+".join(subjects) if subjects else str(part["image_id"].min())


def _column(index: pd.DataFrame, name: str) -> pd.Series:
    if name in index:
        return index[name]
    return pd.Series([None] * len(index), index=index.index, dtype=object)

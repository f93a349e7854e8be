"""What a person should know of the data before a number is believed: twins, subjects, labels, odd images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukolab.audit.exact import FLIPPED
from leukolab.audit.looks import CELL, FIELD, UNREAD
from leukolab.audit.twins import NEAR_CELL, NEAR_FIELD, Twins
from leukolab.base.findings import Finding

SHOWN = 5
"""Names listed in one finding; its count says how many there are."""

_ONE_COLOUR = 1.0
_USUAL = 0.9


def issues(index: pd.DataFrame, twins: Twins) -> tuple[Finding, ...]:
    """Everything found, problems first.

    Args:
        index: one row per image with image_id, class_name and label; subject where known.
        twins: found among the same images.
    """
    of_images = index.set_index("image_id", drop=False)
    found = [*_twins(twins), *_labels(of_images, twins.pairs), *_subjects(of_images, twins.pairs), *_odd(twins)]
    order = {"problem": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.severity]))


def persons(index: pd.DataFrame, pairs: pd.DataFrame) -> list[list[str]]:
    """Subjects that share a cell or field, directly or through others: each set is one person, two subjects at least.

    Args:
        index: image_id and subject.
        pairs: of `Twins`.
    """
    if "subject" not in index or pairs.empty:
        return []
    subjects = index.set_index("image_id")["subject"]
    first, other = (subjects.reindex(pairs[name]).to_numpy() for name in ("image_id", "other_id"))
    known = pd.notna(first) & pd.notna(other)
    codes, names = pd.factorize(np.concatenate([first[known], other[known]]), sort=True)
    half = len(codes) // 2
    graph = coo_matrix((np.ones(half), (codes[:half], codes[half:])), shape=(len(names), len(names)))
    _, person = connected_components(graph, directed=False)
    sets = pd.Series(names).astype(str).groupby(person).apply(list)
    return sorted(members for members in sets if len(members) > 1)


def _twins(twins: Twins) -> Iterator[Finding]:
    counts = twins.pairs["kind"].value_counts()
    if len(twins.pairs):
        near = int(counts.get(NEAR_CELL, 0) + counts.get(NEAR_FIELD, 0))
        flipped = int(counts.get(FLIPPED, 0))
        same = len(twins.pairs) - near - flipped
        values = {"pairs": len(twins.pairs), "identical": same, "flipped": flipped, "near": near}
        yield Finding("audit.twins", "warning", values)
    if len(twins.doubtful):
        yield Finding("audit.doubtful", "info", {"pairs": len(twins.doubtful)})
    searched = twins.thresholds[twins.thresholds["searched"] > 0]
    fixed = searched[searched["known_false"] == 0]
    if len(fixed):
        yield Finding("audit.fixed_threshold", "warning", {"threshold": float(fixed["threshold"].max())})
    if searched["full"].any():
        yield Finding("audit.many_alike", "warning")


def _labels(index: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    wrong = pairs[pairs["contradicts"]]
    if len(wrong):
        classes = index["class_name"].to_dict()
        names = zip(wrong["image_id"], wrong["other_id"], strict=True)
        shown = (f"{first} ({classes[first]}) = {other} ({classes[other]})" for first, other in names)
        yield Finding("audit.contradicting_labels", "problem", _listed("pairs", len(wrong), shown))


def _subjects(index: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    if "subject" not in index or index["subject"].isna().all():
        return
    sets = persons(index.reset_index(drop=True), pairs)
    if sets:
        values = {"subjects": sum(map(len, sets)), "persons": len(sets), "sets": sets}
        yield Finding("audit.shared_subjects", "warning", values | {"examples": "; ".join(map(" = ".join, sets))})
    known = index[index["subject"].notna() & (index["label"] >= 0)]
    classes = known.groupby("subject")["class_name"].unique()
    both = classes[classes.str.len() > 1]
    if len(both):
        shown = (f"{subject} ({', '.join(sorted(names))})" for subject, names in both.items())
        yield Finding("audit.subject_in_two_classes", "warning", _listed("subjects", len(both), shown))
    alike = list(_alike_names(sorted(index["subject"].dropna().astype(str).unique())))
    if alike:
        yield Finding("audit.alike_subjects", "warning", _listed("sets", len(alike), map(" / ".join, alike)))


def _alike_names(subjects: list[str]) -> Iterator[list[str]]:
    """Names that differ only in case, spaces or leading zeros."""
    plain = pd.Series(subjects, dtype=object).map(lambda name: name.strip().casefold().lstrip("0"))
    for _, names in pd.Series(subjects, dtype=object).groupby(plain.to_numpy()):
        if len(names) > 1:
            yield list(names)


def _odd(twins: Twins) -> Iterator[Finding]:
    table = twins.looks.table
    unread = table[table["form"] == UNREAD]
    if len(unread):
        yield Finding("audit.unreadable", "problem", _listed("images", len(unread), unread["image_id"]))
    seen = table[table["form"] != UNREAD]
    flat = seen["deviation"] < _ONE_COLOUR
    if flat.any():
        yield Finding("audit.one_colour", "problem", _listed("images", int(flat.sum()), seen.loc[flat, "image_id"]))
    textured = np.asarray(twins.looks.textures.any(axis=(1, 2)))
    blank = ~flat & ~textured[seen.index]
    if blank.any():
        yield Finding("audit.no_cell", "warning", _listed("images", int(blank.sum()), seen.loc[blank, "image_id"]))
    yield from _odd_size(seen)
    cells, fields = (int((seen["form"] == form).sum()) for form in (CELL, FIELD))
    if cells and fields:
        yield Finding("audit.mixed_forms", "warning", {"cells": cells, "fields": fields})


def _odd_size(seen: pd.DataFrame) -> Iterator[Finding]:
    """Images of another size than nine in ten have."""
    sizes = seen.groupby(["width", "height"]).size()
    if len(sizes) < 2 or sizes.max() < _USUAL * len(seen):
        return
    width, height = (int(seen[name].mode()[0]) for name in ("width", "height"))
    odd = seen[(seen["width"] != width) | (seen["height"] != height)]
    listed = _listed("images", len(odd), odd["image_id"])
    yield Finding("audit.odd_size", "warning", {"width": width, "height": height} | listed)


def _listed(what: str, count: int, names: Iterable[object]) -> dict[str, Any]:
    """A count, and its first names in one text; an ellipsis where there are more."""
    shown = [str(name) for name, _ in zip(names, range(SHOWN), strict=False)]
    return {what: count, "examples": ", ".join(shown) + (", ..." if count > SHOWN else "")}

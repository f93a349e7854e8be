"""Identity groups: the images that must stay on one side of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukolab.base.keys import digest


def subjects_known(index: pd.DataFrame) -> bool:
    """Whether every image names its subject."""
    return "subject" in index and len(index) > 0 and bool(index["subject"].notna().all())


def identity_groups(index: pd.DataFrame, same_person: Sequence[Sequence[str]] = ()) -> pd.DataFrame:
    """Merge subjects with every subject they share a twin with; without subjects, sets of twins.

    Args:
        index: one row per image, with image_id, and subject and pixel_digest where known.
        same_person: subjects that the data card knows to be one person; merged even where no twin shows it.

    Returns:
        image_id, group, reason, in the order of `index`. The group is named after its subjects, joined by `+`,
        else after its smallest image_id. The reason is `subject` where the image names one, `twin` where only
        equal pixels tie it to others, `image` where nothing does.
    """
    subjects = _column(index, "subject")
    components_n = _components(index, {name: person[0] for person in same_person for name in person})
    table = pd.DataFrame({"image_id": index["image_id"].to_numpy(), "component": components_n})
    table["subject"] = subjects.to_numpy()
    names = {key: _name(part) for key, part in table.groupby("component", sort=True)}
    sizes = table["component"].map(table["component"].value_counts())
    reason = np.where(table["subject"].notna(), "subject", np.where(sizes > 1, "twin", "image"))
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


def _components(index: pd.DataFrame, persons: Mapping[str, str]) -> np.ndarray:
    """Component of each image in the graph that ties images to their person and to their pixels."""
    n = len(index)
    rows, columns, offset = [], [], n
    for name in ("subject", "pixel_digest"):
        values = _column(index, name)
        codes, uniques = pd.factorize(values.replace(dict(persons)) if name == "subject" else values)
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        columns.append(codes[known] + offset)
        offset += len(uniques)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_matrix((np.ones(len(row), dtype=np.int8), (row, column)), shape=(offset, offset))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[:n])


def _name(part: pd.DataFrame) -> str:
    subjects = sorted({str(subject) for subject in part["subject"].dropna()})
    return "+".join(subjects) if subjects else str(part["image_id"].min())


def _column(index: pd.DataFrame, name: str) -> pd.Series:
    if name in index:
        return index[name]
    return pd.Series([None] * len(index), index=index.index, dtype=object)

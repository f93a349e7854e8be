"""An index and its groups as plain arrays, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukolab.base.errors import SplitError
from leukolab.splits.groups import subjects_known

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Cohort:
    """The images to be cut, n of them, in the order of the index."""

    image_ids_n: Array = field(repr=False)
    labels_n: Array = field(repr=False)
    """int64, class of each image."""
    groups_n: Array = field(repr=False)
    """int64, number of the identity group of each image."""
    majority_n: Array = field(repr=False)
    """int64, the class most images of the image's group have (the lowest where equal)."""
    order_n: Array = field(repr=False)
    """int64, the file number that orders images inside a class."""
    strata_n: Array = field(repr=False)
    """int64, original class of each image, before any two-class view."""
    official_n: Array = field(repr=False)
    """float64, official fold, NaN where there is none."""
    parts_n: Array = field(repr=False)
    """object, name of the part of the data set that each image lies in."""
    class_names: tuple[str, ...]
    subjects_known: bool

    def __len__(self) -> int:
        return len(self.labels_n)


def make_cohort(index: pd.DataFrame, groups: pd.DataFrame) -> Cohort:
    """Check an index with its groups and turn both into arrays.

    Raises:
        SplitError: no image, an image_id twice, an image without a group, or fewer than two classes.
    """
    _check(index, groups)
    labels_n = index["label"].to_numpy(dtype=np.int64)
    group = groups.set_index("image_id")["group"].reindex(index["image_id"])
    groups_n = pd.factorize(group, sort=True)[0].astype(np.int64)
    names = index.drop_duplicates("label").set_index("label")["class_name"] if "class_name" in index else None
    count = int(labels_n.max()) + 1
    return Cohort(
        image_ids_n=index["image_id"].to_numpy(dtype=object),
        labels_n=labels_n,
        groups_n=groups_n,
        majority_n=majority(labels_n, groups_n),
        order_n=_order(index),
        strata_n=pd.factorize(_strata(index), sort=True)[0].astype(np.int64),
        official_n=pd.to_numeric(index["official_fold"]).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        if "official_fold" in index
        else np.full(len(index), np.nan),
        parts_n=(index["part"].astype(str) if "part" in index else index["label"].map("".format)).to_numpy(
            dtype=object
        ),
        class_names=tuple(str(c if names is None else names.get(c, c)) for c in range(count)),
        subjects_known=subjects_known(index),
    )


def _check(index: pd.DataFrame, groups: pd.DataFrame) -> None:
    if not len(index):
        raise SplitError("split: expected images to cut, found none. Is the data folder empty?")
    twice = index["image_id"][index["image_id"].duplicated()]
    if len(twice):
        raise SplitError(
            f"split: expected every image_id once, found '{twice.iloc[0]}' twice. Rename one of the files."
        )
    missing = set(index["image_id"]) - set(groups["image_id"])
    if missing:
        raise SplitError(
            f"split: expected a group for every image, found none for {len(missing)}, such as '{min(missing)}'. "
            "Make the groups from the same index."
        )
    if index["label"].nunique() < 2:
        raise SplitError("split: expected at least two classes, found one. Add images of another class.")


def majority(labels_n: Array, groups_n: Array) -> Array:
    """The class most images of each image's group have, int64 (n,); groups are numbers from 0."""
    counts_gk = np.zeros((int(groups_n.max()) + 1, int(labels_n.max()) + 1))
    np.add.at(counts_gk, (groups_n, labels_n), 1)
    return np.asarray(counts_gk.argmax(axis=1)[groups_n], dtype=np.int64)


def _order(index: pd.DataFrame) -> Array:
    if "order" in index:
        return index["order"].to_numpy(dtype=np.int64)
    return np.argsort(np.argsort(index["image_id"].to_numpy(dtype=object), kind="stable"), kind="stable")


def _strata(index: pd.DataFrame) -> pd.Series:
    for name in ("class_name_full", "class_name"):
        if name in index and index[name].notna().all():
            return index[name].astype(str)
    return index["label"]

"""The cuts every split is made of: shares and folds by image or by identity group, and contiguous blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from leukolab.base.errors import SplitError
from leukolab.base.streams import stream, stream_seed
from leukolab.splits.cohort import Array, Cohort
from leukolab.splits.even import LARGEST_SHARE, even_parts

CANDIDATES = 300
"""Seeded choices of groups among which the one nearest to the wanted share is taken."""


@dataclass(frozen=True)
class Cutter:
    """Cuts items (row numbers of a cohort) by image or by group, stratified by class or not, seeded by name."""

    cohort: Cohort = field(repr=False)
    by: str
    seed: int
    where: str
    """Names the protocol in error sentences."""
    stratify: bool = True
    """Of images only: groups are always stratified."""

    def take(
        self, items: Array, share: float, *names: str | int, least: int = 0, leaves: int = 0
    ) -> tuple[Array, Array]:
        """Set `share` of the units (images or groups) of each class aside: (taken, rest).

        Args:
            least: groups of each class at the fewest, where that leaves `leaves` groups of the class.

        Raises:
            SplitError: a class has under two units.
        """
        self.require(items, 2, "to set a part aside")
        rng = stream(self.seed, *names)
        if self.by == "group":
            taken = _take_groups(self.cohort, items, lambda count: _share_of(count, share, least, leaves), rng)
        elif self.stratify:
            taken = _take_images(self.cohort, items, share, rng)
        else:
            taken = rng.permutation(len(items)) < _share_of(len(items), share)
        return items[taken], items[~taken]

    def folds(self, items: Array, count: int, *names: str | int) -> list[Array]:
        """Cut into `count` parts, stratified by class, and by images where units are groups.

        Raises:
            SplitError: a class has fewer units than parts.

        Source: scikit-learn's StratifiedKFold and KFold; by group see `even_parts`.
        """
        self.require(items, count, f"for {count} parts")
        if self.by == "group":
            return _group_folds(self.cohort, items, count, stream(self.seed, *names))
        state = stream_seed(self.seed, *names) % 2**32
        kind = StratifiedKFold if self.stratify else KFold
        parts = kind(count, shuffle=True, random_state=state).split(items, self.cohort.labels_n[items])
        return [items[own] for _, own in parts]

    def require(self, items: Array, count: int, purpose: str) -> None:
        """Refuse where a class has under `count` images or groups.

        Raises:
            SplitError: names the class, what was expected and what was found.
        """
        classes_n = self.cohort.majority_n if self.by == "group" else self.cohort.labels_n
        units_n = self.cohort.groups_n if self.by == "group" else np.arange(len(self.cohort))
        unit = "groups (subjects)" if self.by == "group" else "images"
        for label in np.unique(self.cohort.labels_n):
            found = len(np.unique(units_n[items[classes_n[items] == label]]))
            if found < count:
                raise SplitError(
                    f"{self.where}: expected at least {count} {unit} of class '{self.cohort.class_names[label]}' "
                    f"{purpose}, found {found}. Ask for fewer parts (split.outer, split.folds), or add {unit}."
                )


def contiguous(cohort: Cohort, items: Array, count: int, where: str) -> list[Array]:
    """Cut each original class, ordered by file number, into `count` contiguous parts of nearly equal size.

    Raises:
        SplitError: a class has fewer images than parts.
    """
    pieces: list[list[Array]] = [[] for _ in range(count)]
    for own in by_stratum(cohort, items):
        if len(own) < count:
            name = cohort.class_names[cohort.labels_n[own[0]]]
            raise SplitError(
                f"{where}: expected at least {count} images of class '{name}' for {count} contiguous parts, "
                f"found {len(own)}. Ask for fewer parts (split.outer, split.folds)."
            )
        for piece, part in zip(pieces, np.array_split(own, count), strict=True):
            piece.append(part)
    return [np.concatenate(piece) for piece in pieces]


def by_stratum(cohort: Cohort, items: Array) -> list[Array]:
    """Items of each original class, ordered by file number, then image_id."""
    ordered = items[np.lexsort((items, cohort.order_n[items]))]
    return [ordered[cohort.strata_n[ordered] == stratum] for stratum in np.unique(cohort.strata_n[items])]


def _group_folds(cohort: Cohort, items: Array, count: int, rng: np.random.Generator) -> list[Array]:
    """Parts by group, each class dealt by `even_parts`: the most even parts of all classes make the first one."""
    groups, first, codes = np.unique(cohort.groups_n[items], return_index=True, return_inverse=True)
    classes, sizes = cohort.majority_n[items][first], np.bincount(codes)
    part = np.empty(len(groups), dtype=np.int64)
    for label in np.unique(classes):
        own = classes == label
        part[own] = even_parts(sizes[own], count, rng)
    return [items[part[codes] == number] for number in range(count)]


def _share_of(count: int, share: float, least: int = 0, leaves: int = 0) -> int:
    """How many of `count` a share is: `least` of them at the fewest where that leaves `leaves`."""
    aside = int(np.clip(np.floor(share * count + 0.5), 1, count - 1))
    return max(aside, least) if count - least >= leaves else aside


def _take_images(cohort: Cohort, items: Array, share: float, rng: np.random.Generator) -> Array:
    taken = np.zeros(len(items), dtype=bool)
    for label in np.unique(cohort.labels_n[items]):
        own = rng.permutation(np.flatnonzero(cohort.labels_n[items] == label))
        taken[own[: _share_of(len(own), share)]] = True
    return taken


def _take_groups(cohort: Cohort, items: Array, aside: Callable[[int], int], rng: np.random.Generator) -> Array:
    """Among seeded choices of `aside(g)` of the g groups of each class: no group over a third of the part's images,
    then the share of images nearest to that of the groups, and no group over a third of a class in it."""
    groups, first, sizes = np.unique(cohort.groups_n[items], return_index=True, return_counts=True)
    classes = cohort.majority_n[items][first]
    members = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    best: tuple[tuple[float, float], Array] | None = None
    for _ in range(CANDIDATES):
        chosen = [rng.permutation(own)[: aside(len(own))] for own in members]
        off = 0.0
        for some, own in zip(chosen, members, strict=True):
            off += abs(sizes[some].sum() / sizes[own].sum() - len(some) / len(own)) + _over_a_third(sizes[some])
        score = (_over_a_third(sizes[np.concatenate(chosen)]), float(off))
        if best is None or score < best[0]:
            best = (score, groups[np.concatenate(chosen)])
    assert best is not None
    return np.isin(cohort.groups_n[items], best[1])


def _over_a_third(sizes: Array) -> float:
    return max(0.0, float(sizes.max() / sizes.sum()) - LARGEST_SHARE)

"""The cuts every split is made of: shares and folds by image or by identity group, and contiguous blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from leukolab.base.errors import SplitError
from leukolab.base.streams import stream, stream_seed
from leukolab.splits.cohort import Array, Cohort

CANDIDATES = 300
"""Seeded choices of groups among which the one nearest to the wanted share is taken."""
LARGEST_SHARE = 1 / 3
"""No group may hold more of the images of a part that is set aside."""


@dataclass(frozen=True)
class Cutter:
    """Cuts items (row numbers of a cohort) by image or by group, stratified by class, seeded by name."""

    cohort: Cohort = field(repr=False)
    by: str
    seed: int
    where: str
    """Names the protocol in error sentences."""

    def take(self, items: Array, share: float, *names: str | int) -> tuple[Array, Array]:
        """Set `share` of the units (images or groups) of each class aside: (taken, rest).

        Raises:
            SplitError: a class has under two units.
        """
        self.require(items, 2, "to set a part aside")
        rng = stream(self.seed, *names)
        units = _take_groups if self.by == "group" else _take_images
        taken = units(self.cohort, items, share, rng)
        return items[taken], items[~taken]

    def folds(self, items: Array, count: int, *names: str | int) -> list[Array]:
        """Cut into `count` parts, stratified by class, and by images where units are groups.

        Raises:
            SplitError: a class has fewer units than parts.

        Source: scikit-learn's StratifiedKFold and StratifiedGroupKFold; see `_group_folds` for the choice between them.
        """
        self.require(items, count, f"for {count} parts")
        state = stream_seed(self.seed, *names) % 2**32
        if self.by == "group":
            return _group_folds(self.cohort, items, count, state)
        parts = StratifiedKFold(count, shuffle=True, random_state=state).split(items, self.cohort.labels_n[items])
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


def _group_folds(cohort: Cohort, items: Array, count: int, state: int) -> list[Array]:
    """Parts by group: scikit-learn's StratifiedGroupKFold, and groups dealt out by class; the best is taken.

    StratifiedGroupKFold balances images alone and may leave a part with two subjects of a class, and it is subjects
    that set the width of an interval. So the cut whose poorest part has most groups of its poorest class wins, then
    the one whose images are shared out most evenly.
    """
    _, first, codes = np.unique(cohort.groups_n[items], return_index=True, return_inverse=True)
    classes, sizes = cohort.majority_n[items][first], np.bincount(codes)
    by_images = StratifiedGroupKFold(count, shuffle=True, random_state=state)
    cuts = [[np.unique(codes[own]) for _, own in by_images.split(items, classes[codes], codes)]]
    rng = np.random.Generator(np.random.PCG64(state))
    cuts += [_dealt(classes, count, rng) for _ in range(CANDIDATES)]
    best = max(cuts, key=lambda cut: _evenness(cut, classes, sizes))
    return [items[np.isin(codes, own)] for own in best]


def _dealt(classes: Array, count: int, rng: np.random.Generator) -> list[Array]:
    """Groups dealt out like cards: each class shuffled, going on where the class before it ended."""
    order = np.concatenate([rng.permutation(np.flatnonzero(classes == label)) for label in np.unique(classes)])
    return [np.sort(order[start::count]) for start in range(count)]


def _evenness(cut: list[Array], classes: Array, sizes: Array) -> tuple[int, float]:
    """Fewest groups of a class in a part; minus the largest distance of a part's share of a class's images."""
    fewest, farthest = len(classes), 0.0
    for label in np.unique(classes):
        of_class = classes == label
        fewest = min(fewest, min(int(of_class[own].sum()) for own in cut))
        shares = [sizes[own][of_class[own]].sum() / sizes[of_class].sum() for own in cut]
        farthest = max(farthest, max(abs(share - 1 / len(cut)) for share in shares))
    return fewest, -farthest


def _share_of(count: int, share: float) -> int:
    return int(np.clip(np.floor(share * count + 0.5), 1, count - 1))


def _take_images(cohort: Cohort, items: Array, share: float, rng: np.random.Generator) -> Array:
    taken = np.zeros(len(items), dtype=bool)
    for label in np.unique(cohort.labels_n[items]):
        own = rng.permutation(np.flatnonzero(cohort.labels_n[items] == label))
        taken[own[: _share_of(len(own), share)]] = True
    return taken


def _take_groups(cohort: Cohort, items: Array, share: float, rng: np.random.Generator) -> Array:
    """Among seeded choices of `share` of the groups: no group over a third, then the share of images nearest."""
    groups, sizes = np.unique(cohort.groups_n[items], return_counts=True)
    first = np.unique(cohort.groups_n[items], return_index=True)[1]
    classes = cohort.majority_n[items][first]
    members = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    best: tuple[tuple[float, float], Array] | None = None
    for _ in range(CANDIDATES):
        chosen = [rng.permutation(own)[: _share_of(len(own), share)] for own in members]
        off = sum(abs(sizes[c].sum() / sizes[own].sum() - share) for c, own in zip(chosen, members, strict=True))
        part = sizes[np.concatenate(chosen)]
        score = (max(0.0, float(part.max() / part.sum()) - LARGEST_SHARE), float(off))
        if best is None or score < best[0]:
            best = (score, groups[np.concatenate(chosen)])
    assert best is not None
    return np.isin(cohort.groups_n[items], best[1])

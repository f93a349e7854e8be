"""What a split leaks, what was dropped so that it does not, and whether its groups are enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from leukolab.base.findings import Finding
from leukolab.splits.cohort import Array, Cohort, majority
from leukolab.splits.even import LARGEST_SHARE
from leukolab.splits.table import Piece

FEW_TUNING = 5
"""Under so many tuning groups in a class nothing is chosen on the tuning part."""
FEW_TEST = 20
"""Under so many test groups in a class a warning is due."""
FEW_TEST_GROUPS = "split.few_test_groups"
"""Code of that warning, for each outer part."""
RECALL_WIDTHS = {1: 0.94, 2: 0.67, 3: 0.54, 6.5: 0.365, 8: 0.32, 15: 0.23, 30: 0.17, 50: 0.13}
"""Groups of a class to the mean width of the interval of its recall by subject; see `expected_width`."""
KEPT_BY = ("test", "tuning", "validation", "train")
"""Who keeps a group that crosses, first to last."""


def drop_crossing(pieces: list[Piece], cohort: Cohort) -> tuple[list[Piece], int]:
    """Take images whose group also stands in a role of higher standing out: of training first, of test never.

    Returns:
        The pieces, and how many different images were dropped anywhere.
    """
    kept, dropped = [], set()
    for fold in _by_fold(pieces):
        taken = np.empty(0, dtype=np.int64)
        for piece in sorted(fold, key=lambda piece: KEPT_BY.index(piece.role)):
            crossing = np.isin(cohort.groups_n[piece.items], taken)
            dropped.update(piece.items[crossing].tolist())
            kept.append(replace(piece, items=piece.items[~crossing]))
            taken = np.concatenate([taken, cohort.groups_n[piece.items]])
    return kept, len(dropped)


def crossing_groups(pieces: list[Piece], cohort: Cohort) -> set[int]:
    """Numbers of the groups that stand in two roles of one fold."""
    crossing: set[int] = set()
    for fold in _by_fold(pieces):
        groups = np.concatenate([np.unique(cohort.groups_n[piece.items]) for piece in fold])
        numbers, counts = np.unique(groups, return_counts=True)
        crossing.update(numbers[counts > 1].tolist())
    return crossing


def groups_by_class(piece: Piece, cohort: Cohort) -> dict[int, int]:
    """Number of groups of each class (the majority's) in a piece."""
    classes = np.unique(cohort.labels_n)
    own = cohort.majority_n[piece.items]
    return {int(label): len(np.unique(cohort.groups_n[piece.items][own == label])) for label in classes}


def few_test_groups_together(labels_n: Array, groups_n: Array) -> Finding | None:
    """The warning about several test parts together; None where every class has enough groups.

    Args:
        labels_n: int (n,), class of each image. groups_n: names of groups (n,).
    """
    codes_n = np.unique(np.asarray(groups_n).astype(str), return_inverse=True)[1]
    majority_n = majority(labels_n, codes_n)
    fewest = min(len(np.unique(codes_n[majority_n == label])) for label in np.unique(majority_n))
    if fewest >= FEW_TEST:
        return None
    values = {"limit": FEW_TEST, "fewest": fewest, "width": expected_width(majority_n, codes_n)}
    return Finding("split.few_test_groups_together", "warning", values)


def expected_width(majority_n: Array, groups_n: Array) -> float:
    """Width of the 95 % interval of balanced accuracy that so few groups lead one to expect.

    Args:
        majority_n: class of each image's group (n,). groups_n: group of each image (n,).

    By subject, from simulation (`benchmarks/coverage.py`): recall 0.80, its deviation over subjects 0.22, which fits
    what is known (accuracy by subject from 0.26 to 1, median 0.83, in the winner's field of 2019). Widths of recalls
    are read from `RECALL_WIDTHS`, between its rows on logarithmic scales and beyond its last as 1 / sqrt(groups); of
    the mean of k recalls the width is the root of the sum of their squares, over k.
    """
    known, widths = (np.log(np.array(list(side))) for side in (RECALL_WIDTHS, RECALL_WIDTHS.values()))
    counts = [len(np.unique(groups_n[majority_n == label])) for label in np.unique(majority_n)]
    beyond = np.sqrt(np.maximum(np.array(counts) / max(RECALL_WIDTHS), 1))
    each = np.exp(np.interp(np.log(counts), known, widths)) / beyond
    return float(np.sqrt((each**2).sum()) / len(counts))


def few_groups(pieces: list[Piece], cohort: Cohort) -> tuple[dict[int, int], dict[int, int]]:
    """Outer parts with under `FEW_TUNING` tuning groups in a class, and those with under `FEW_TEST` test groups.

    Returns:
        For tuning and for test: outer part to the number of groups in its poorest class.
    """
    poorest: dict[str, dict[int, int]] = {"tuning": {}, "test": {}}
    for piece in sorted(pieces, key=lambda piece: (piece.outer, piece.fold)):
        if piece.role in poorest and piece.outer not in poorest[piece.role]:
            poorest[piece.role][piece.outer] = min(groups_by_class(piece, cohort).values())
    few_tuning = {outer: count for outer, count in poorest["tuning"].items() if count < FEW_TUNING}
    return few_tuning, {outer: count for outer, count in poorest["test"].items() if count < FEW_TEST}


def few_groups_findings(
    few_tuning: dict[int, int], few_test: dict[int, int], pieces: list[Piece], cohort: Cohort
) -> list[Finding]:
    """Warnings about the parts of `few_groups`, with the interval that the fewest test groups lead one to expect."""
    found = []
    if few_tuning:
        values = {"limit": FEW_TUNING, "parts": list(few_tuning), "fewest": min(few_tuning.values())}
        found.append(Finding("split.few_tuning_groups", "warning", values))
    if few_test:
        tests = [piece.items for piece in pieces if piece.role == "test" and piece.outer in few_test]
        width = max(expected_width(cohort.majority_n[own], cohort.groups_n[own]) for own in tests)
        values = {"limit": FEW_TEST, "parts": list(few_test), "fewest": min(few_test.values())}
        found.append(Finding(FEW_TEST_GROUPS, "warning", values | {"width": width}))
    return found


def large_groups(pieces: list[Piece], cohort: Cohort) -> list[Finding]:
    """A finding where one group holds more than a third of a tuning part's images."""
    outers = set()
    for piece in pieces:
        counts = np.unique(cohort.groups_n[piece.items], return_counts=True)[1]
        if piece.role == "tuning" and counts.max() > LARGEST_SHARE * counts.sum():
            outers.add(piece.outer)
    return [Finding("split.large_groups", "warning", {"parts": sorted(outers)})] if outers else []


def _by_fold(pieces: list[Piece]) -> Iterator[list[Piece]]:
    ordered = sorted(pieces, key=lambda piece: (piece.outer, piece.fold))
    for _, fold in groupby(ordered, key=lambda piece: (piece.outer, piece.fold)):
        yield list(fold)

"""What a split leaks, what was dropped so that it does not, and whether its groups are enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from leukolab.splits.cohort import Array, Cohort, majority
from leukolab.splits.cuts import LARGEST_SHARE
from leukolab.splits.table import Piece

FEW_TUNING = 5
"""Under so many tuning groups in a class nothing is chosen on the tuning part."""
FEW_TEST = 20
"""Under so many test groups in a class a warning is due."""
FEW_TEST_WORDS = f"Few groups: under {FEW_TEST} test groups in a class"
"""How that warning begins."""
SUBJECT_DEVIATION = 0.2
"""Deviation of the recall from subject to subject; see `expected_width`."""
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


def few_test_note(labels_n: Array, groups_n: Array) -> str | None:
    """The warning about a test part put together of several; None where every class has groups enough.

    Args:
        labels_n: int (n,), class of each image. groups_n: names of groups (n,).
    """
    codes_n = np.unique(np.asarray(groups_n).astype(str), return_inverse=True)[1]
    majority_n = majority(labels_n, codes_n)
    fewest = min(len(np.unique(codes_n[majority_n == label])) for label in np.unique(majority_n))
    if fewest >= FEW_TEST:
        return None
    width = expected_width(majority_n, codes_n)
    return f"{FEW_TEST_WORDS}, all outer parts together ({fewest}): {_width(width)}."


def is_few_test_note(note: str) -> bool:
    """Whether a note of a split's head is the warning about test groups, part by part."""
    return note.startswith(FEW_TEST_WORDS)


def expected_width(majority_n: Array, groups_n: Array) -> float:
    """Width of the 95 % interval of balanced accuracy that so few groups lead one to expect.

    Args:
        majority_n: class of each image's group (n,). groups_n: group of each image (n,).

    Balanced accuracy is the mean of k recalls. A recall over images is a mean over groups weighted by size; its
    variance is s^2 / G, with s the deviation of the recall from subject to subject and G the effective number of
    groups, (sum of sizes)^2 / (sum of squared sizes). So width = 2 * 1.96 * s / k * sqrt(sum of 1 / G).
    s = 0.2 fits what is known: accuracy by subject from 0.26 to 1, median 0.83 (the winner's field of 2019).
    """
    inverse = []
    for label in np.unique(majority_n):
        sizes = np.unique(groups_n[majority_n == label], return_counts=True)[1].astype(float)
        inverse.append((sizes**2).sum() / sizes.sum() ** 2)
    return float(2 * 1.96 * SUBJECT_DEVIATION / len(inverse) * np.sqrt(sum(inverse)))


def few_groups(pieces: list[Piece], cohort: Cohort) -> tuple[tuple[int, ...], tuple[int, ...], list[str]]:
    """Outer parts with few tuning groups, those with few test groups, and the sentences to say."""
    first = {(piece.outer, piece.role): piece for piece in reversed(pieces)}
    tuning = {o: min(groups_by_class(p, cohort).values()) for (o, role), p in sorted(first.items()) if role == "tuning"}
    test = {o: min(groups_by_class(p, cohort).values()) for (o, role), p in sorted(first.items()) if role == "test"}
    few_tuning = tuple(outer for outer, count in tuning.items() if count < FEW_TUNING)
    few_test = tuple(outer for outer, count in test.items() if count < FEW_TEST)
    notes = []
    if few_tuning:
        notes.append(
            f"Few groups: under {FEW_TUNING} tuning groups in a class ({_parts(few_tuning)}; at the fewest "
            f"{min(tuning[outer] for outer in few_tuning)}), so ensemble weights come from each member's own fold, "
            "no champion is claimed and nothing is calibrated."
        )
    if few_test:
        items = [first[outer, "test"].items for outer in few_test]
        width = max(expected_width(cohort.majority_n[own], cohort.groups_n[own]) for own in items)
        notes.append(
            f"{FEW_TEST_WORDS} ({_parts(few_test)}; at the fewest {min(test[outer] for outer in few_test)}): "
            f"{_width(width)}."
        )
    return few_tuning, few_test, notes


def large_groups_note(pieces: list[Piece], cohort: Cohort) -> list[str]:
    """A sentence where one group holds more than a third of a tuning part's images."""
    outers = []
    for piece in pieces:
        counts = np.unique(cohort.groups_n[piece.items], return_counts=True)[1]
        if piece.role == "tuning" and counts.max() > LARGEST_SHARE * counts.sum():
            outers.append(piece.outer)
    if not outers:
        return []
    where = _parts(tuple(set(outers)))
    return [f"No choice of tuning groups kept every group under a third of the part's images ({where})."]


def _width(width: float) -> str:
    return f"expect a 95 % interval of balanced accuracy about {width:.2f} wide"


def _parts(outers: tuple[int, ...]) -> str:
    word = "outer part" if len(outers) == 1 else "outer parts"
    return f"{word} {', '.join(str(outer) for outer in sorted(outers))}"


def _by_fold(pieces: list[Piece]) -> Iterator[list[Piece]]:
    ordered = sorted(pieces, key=lambda piece: (piece.outer, piece.fold))
    for _, fold in groupby(ordered, key=lambda piece: (piece.outer, piece.fold)):
        yield list(fold)

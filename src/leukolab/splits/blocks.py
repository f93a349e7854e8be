"""Splits by contiguous file numbers, for data with unknown subjects, where neighbouring images look alike."""

from __future__ import annotations

import numpy as np

from leukolab.base.errors import SplitError
from leukolab.splits.cohort import Array, Cohort
from leukolab.splits.cuts import by_stratum, contiguous
from leukolab.splits.shuffled import SplitRequest, inner_folds
from leukolab.splits.table import Piece


def blocks(request: SplitRequest) -> list[Piece]:
    """Each class in `outer` contiguous blocks; round b: test b, validation b + 1, tuning b + 2, the rest trains.

    Raises:
        SplitError: under 4 blocks, or a class with fewer images than blocks.

    Source: the `subtypes` study, corrected protocol.
    """
    count = request.spec.outer
    if count < 4:
        raise SplitError(
            f"{request.where}: expected at least 4 blocks (test, validation, tuning, training), got {count}."
        )
    parts = contiguous(request.cohort, request.items(), count, request.where)
    pieces = []
    for b in range(count):
        named = {"test": b, "validation": (b + 1) % count, "tuning": (b + 2) % count}
        train = np.concatenate([part for number, part in enumerate(parts) if number not in named.values()])
        pieces.append(Piece(b + 1, 1, "train", train))
        pieces += [Piece(b + 1, 1, role, parts[number]) for role, number in named.items()]
    return pieces


def nested_blocks(request: SplitRequest) -> list[Piece]:
    """Contiguous `outer` test parts; of the rest a contiguous tuning part, then contiguous inner folds.

    The tuning part follows the test part (it begins the class where nothing follows), so that on this side no
    training image neighbours a test image.

    Source: the `wen` study, corrected protocol, subjects unknown.
    """
    items = request.items()
    pieces = []
    for outer, test in enumerate(contiguous(request.cohort, items, request.spec.outer, request.where), start=1):
        rest = items[~np.isin(items, test)]
        tuning = _after(request.cohort, rest, test, request.spec.tuning and request.spec.tuning_blocks)
        left = rest[~np.isin(rest, tuning)]
        pieces += inner_folds(outer, test, tuning, contiguous(request.cohort, left, request.spec.folds, request.where))
    return pieces


def _after(cohort: Cohort, rest: Array, test: Array, share: float | None) -> Array:
    """Of each original class in `rest`, the contiguous `share` that follows `test`."""
    if share is None:
        return rest[:0]
    parts = []
    for own in by_stratum(cohort, rest):
        size = max(1, int(np.floor(share * len(own) + 0.5)))
        tested = test[cohort.strata_n[test] == cohort.strata_n[own[0]]]
        last = (cohort.order_n[tested].max(), tested[cohort.order_n[tested] == cohort.order_n[tested].max()].max())
        begin = sum((cohort.order_n[row], row) < last for row in own)
        begin = begin if begin + size <= len(own) else 0
        parts.append(own[begin : begin + size])
    return np.concatenate(parts)

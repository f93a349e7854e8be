"""Splits by shuffling: hold-out, K-fold, a test part with folds inside the rest, and nested ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from leukolab.base.streams import stream
from leukolab.spec import ProtocolSpec, SplitSpec
from leukolab.splits.balance import balanced
from leukolab.splits.cohort import Array, Cohort
from leukolab.splits.cuts import Cutter
from leukolab.splits.leakage import FEW_TUNING
from leukolab.splits.table import Piece

TRAINED = 10
"""Groups of a class that a larger tuning part must leave for training."""


@dataclass(frozen=True)
class SplitRequest:
    """One split to make: of whom, how, under which name and seed."""

    cohort: Cohort = field(repr=False)
    name: str
    protocol: ProtocolSpec
    by: str
    """image, group or block; never auto."""
    seed: int

    @property
    def spec(self) -> SplitSpec:
        """The settings of the split."""
        return self.protocol.split

    @property
    def where(self) -> str:
        """Names the protocol in error sentences."""
        return f"protocol '{self.name}'"

    @property
    def cutter(self) -> Cutter:
        """Cuts by image or group, as the request says."""
        return Cutter(self.cohort, self.by, self.seed, self.where, self.spec.stratify)

    def items(self, repeat: int = 1) -> Array:
        """Row numbers to cut; balanced with copies where the protocol balances before the split."""
        everything = np.arange(len(self.cohort))
        balance = self.protocol.balance
        if balance.when != "before_split" or balance.per_class is None:
            return everything
        return balanced(everything, self.cohort.labels_n, balance.per_class, stream(self.seed, "balance", repeat))


def holdout(request: SplitRequest) -> list[Piece]:
    """Train, validation and test by fractions of all, `outer` times with streams of their own."""
    pieces = []
    for repeat in range(1, request.spec.outer + 1):
        test, rest = request.cutter.take(request.items(repeat), request.spec.test, "holdout test", repeat)
        share = min(request.spec.validation / (1 - request.spec.test), 0.9)
        pieces += _with_rest(request, repeat, test, rest, share)
    return pieces


def kfold(request: SplitRequest) -> list[Piece]:
    """Every image tested once in `outer` parts; `validation` of what is left is set aside."""
    items = request.items()
    pieces = []
    for outer, test in enumerate(request.cutter.folds(items, request.spec.outer, "kfold"), start=1):
        pieces += _with_rest(request, outer, test, _without(items, test, request), request.spec.validation)
    return pieces


def holdout_kfold(request: SplitRequest) -> list[Piece]:
    """A test part by fraction, then `folds` folds of the rest, each the validation part once."""
    pieces = []
    for repeat in range(1, request.spec.outer + 1):
        test, rest = request.cutter.take(request.items(repeat), request.spec.test, "holdout test", repeat)
        tuning, rest = _tuning(request, rest, repeat)
        pieces += inner_folds(repeat, test, tuning, request.cutter.folds(rest, request.spec.folds, "inner", repeat))
    return pieces


def nested(request: SplitRequest) -> list[Piece]:
    """`outer` test parts; of the others a tuning part is set aside; `folds` inner folds over what is left.

    Source: the `wen` study, corrected protocol, 1 to 3.
    """
    items = request.items()
    pieces = []
    for outer, test in enumerate(request.cutter.folds(items, request.spec.outer, "outer"), start=1):
        tuning, rest = _tuning(request, _without(items, test, request), outer)
        pieces += inner_folds(outer, test, tuning, request.cutter.folds(rest, request.spec.folds, "inner", outer))
    return pieces


def inner_folds(outer: int, test: Array, tuning: Array, folds: list[Array]) -> list[Piece]:
    """Pieces of one outer part: each of `folds` is the validation part once, the others train."""
    pieces = []
    for number, validation in enumerate(folds, start=1):
        train = np.concatenate([part for other, part in enumerate(folds, start=1) if other != number])
        roles = {"train": train, "validation": validation, "tuning": tuning, "test": test}
        pieces += [Piece(outer, number, role, part) for role, part in roles.items() if len(part)]
    return pieces


def _with_rest(request: SplitRequest, outer: int, test: Array, rest: Array, validation_share: float) -> list[Piece]:
    tuning, rest = _tuning(request, rest, outer)
    validation, train = request.cutter.take(rest, validation_share, "validation", outer)
    roles = {"train": train, "validation": validation, "tuning": tuning, "test": test}
    return [Piece(outer, 1, role, part) for role, part in roles.items() if len(part)]


def _tuning(request: SplitRequest, items: Array, outer: int) -> tuple[Array, Array]:
    """(tuning, rest); an empty tuning part where the protocol has none."""
    if request.spec.tuning is None:
        return items[:0], items
    return take_tuning(request, items, request.spec.tuning, outer)


def take_tuning(request: SplitRequest, items: Array, share: float, outer: int) -> tuple[Array, Array]:
    """(tuning, rest): `share` of the groups of each class, and enough to choose by where enough are left to train on.

    Source: the `wen` study, corrected protocol, 2.
    """
    return request.cutter.take(items, share, "tuning", outer, least=FEW_TUNING, leaves=TRAINED)


def _without(items: Array, part: Array, request: SplitRequest) -> Array:
    """`items` less one for each time a row number stands in `part`."""
    left = np.bincount(items, minlength=len(request.cohort)) - np.bincount(part, minlength=len(request.cohort))
    return np.repeat(np.arange(len(request.cohort)), left)

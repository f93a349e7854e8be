"""Several differences answered together: too few subjects, Holm's step, the verdict, what could have been found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leukolab.base.findings import Finding
from leukolab.stats.classes import Array
from leukolab.stats.paired import ALPHA, Paired, paired_difference
from leukolab.stats.recalls import Recalls

PER_CLASS = 3
"""Subjects a class needs for a test."""
Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Members of the first side and of the second; a side is the mean of its members."""
FLAT = 1e-6
"""Standard error below which a difference is the same in every subject, but for rounding."""
NONE = float("nan")


@dataclass(frozen=True)
class Answer:
    """A difference (first minus second), and what may be said of it."""

    difference: float
    answer: str
    """better or worse (the first), same (cannot be told apart), too_few, or no_test."""
    low: float = NONE
    high: float = NONE
    """Ends of the 95 % interval of this difference alone."""
    p_value: float = NONE
    p_holm: float = NONE
    """Adjusted for all that were answered together."""
    mdd: float = NONE
    """Minimum detectable difference: found 8 times in 10 at the level that Holm's first step leaves."""
    notes: tuple[Finding, ...] = ()


def answer_together(
    recalls: Recalls,
    sides: Sequence[Sides],
    test: Callable[[Sides], Paired] | None = None,
    barred: Finding | None = None,
    seed: int = 0,
) -> list[Answer]:
    """Answer several comparisons of the same images, as one family.

    Args:
        test: of two sides, for other trainings as well; `paired_difference` of the members as trained where None.
        barred: why these images allow no test, where they do not.
        seed: of the sign patterns of the latter.

    A difference that is the same in every subject has no error and is not tested; Holm's step counts it all the same.

    Raises:
        DataError: a member is not among the recalls.
    """
    if not sides:
        return []
    few = barred or too_few(recalls, len(sides))
    if few is not None:
        answer = "no_test" if few is barred else "too_few"
        return [Answer(_difference(recalls, *one), answer, notes=(few,)) for one in sides]
    found = [(test or _as_trained(recalls, seed))(one) for one in sides]
    notes = () if test else (Finding("test.these_models", "info"),)
    holm_n = holm_adjusted(np.array([1.0 if one.error < FLAT else one.p_value for one in found]))
    return [_answer(one, float(p_holm), len(sides), notes) for one, p_holm in zip(found, holm_n, strict=True)]


def too_few(recalls: Recalls, comparisons: int) -> Finding | None:
    """Why so few subjects cannot answer; None where they can.

    Args:
        comparisons: how many are answered together. With G subjects no p-value lies under 2^(1 - G), and Holm's first
            step needs one of ALPHA / comparisons at most.
    """
    subjects = int((recalls.weight_gk > 0).any(axis=1).sum())
    needed = 1 + int(np.ceil(np.log2(comparisons / ALPHA)))
    if subjects >= needed and recalls.subjects_k.min() >= PER_CLASS:
        return None
    values = {"subjects": subjects, "needed": needed, "per_class": PER_CLASS, "fewest": int(recalls.subjects_k.min())}
    return Finding("test.too_few_subjects", "warning", values)


def holm_adjusted(p_values_n: Array) -> Array:
    """Holm's step-down p-values (n,) of several comparisons, p-values (n,), in their order.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    order = np.argsort(p_values_n)
    steps = p_values_n[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _difference(recalls: Recalls, first: tuple[str, ...], second: tuple[str, ...]) -> float:
    d_gk = recalls.mean_of(first) - recalls.mean_of(second)
    return float((recalls.weight_gk * d_gk).sum(axis=0).mean())


def _as_trained(recalls: Recalls, seed: int) -> Callable[[Sides], Paired]:
    def test(sides: Sides) -> Paired:
        first, second = (recalls.mean_of(names) for names in sides)
        return paired_difference(first, second, recalls.weight_gk, seed=seed)

    return test


def _answer(one: Paired, p_holm: float, family: int, notes: tuple[Finding, ...]) -> Answer:
    """An interval around 0 or a p of ALPHA and more tells nothing apart."""
    if one.error < FLAT:
        return Answer(one.difference, "no_test", notes=(Finding("test.no_variation", "info"),))
    apart = p_holm < ALPHA and not one.low <= 0 <= one.high
    said = ("better" if one.difference > 0 else "worse") if apart else "same"
    mdd = one.detectable(ALPHA / family)
    return Answer(one.difference, said, one.low, one.high, one.p_value, p_holm, mdd, notes)

"""H1 to H4 of the `wen` study: differences of balanced accuracy at 0.5, paired over the same replicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding, findings_to_text
from leukolab.stats.classes import Array, check_predictions
from leukolab.stats.draws import as_they_are
from leukolab.stats.intervals import Replicates, percentiles
from leukolab.stats.metrics import balanced_accuracy

ALPHA = 0.05
"""Level of the tests."""


@dataclass(frozen=True)
class BalancedAccuracyDraws:
    """Balanced accuracy of m members on the test part, and of each of r replicates."""

    members: tuple[str, ...]
    point_m: Array = field(repr=False)
    """float64 (m,)."""
    draws_mr: Array = field(repr=False)
    """float64 (m, r); column j is the same replicate for every member."""

    def mean_of(self, names: Iterable[str]) -> tuple[float, Array]:
        """Mean over some members: its point value and float64 (r,).

        Raises:
            DataError: a member is not among the draws.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self.members]
        if missing or not wanted:
            raise DataError(f"hypotheses: expected test predictions of '{(missing or ['a member'])[0]}', found none.")
        rows = [self.members.index(name) for name in wanted]
        return float(self.point_m[rows].mean()), np.asarray(self.draws_mr[rows].mean(axis=0))


@dataclass(frozen=True)
class HypothesisMembers:
    """Which members each hypothesis compares; names as in the draws."""

    by_rate: Mapping[float, tuple[str, ...]]
    """Learning rate to its fold models."""
    inter: Mapping[str, tuple[str, ...]]
    """Scheme to its Inter-LR ensembles, one per learning rate."""
    intra: Mapping[str, str]
    """Scheme to its Intra-LR ensemble."""
    best_ensemble: str
    best_single: str
    """Both as selected without the test part, where the protocol is the corrected one."""


def balanced_accuracy_draws(
    y_true: Array, y_probs: Mapping[str, Array], sample_weight: Array | None, replicates: Replicates
) -> BalancedAccuracyDraws:
    """Balanced accuracy at 0.5 of every member on the same images, for the same replicates.

    Args:
        y_true: int (n,). y_probs: member to probabilities (n, k), rows in the order of `y_true`.
        sample_weight: float (n,), by image; 1 each where None.

    Raises:
        DataError: predictions cannot be scored.
    """
    points: list[Array] = []
    draws: list[Array] = []
    for name, y_prob in y_probs.items():
        check_predictions(y_true, y_prob, name)
        points.append(balanced_accuracy(as_they_are(y_true, y_prob, sample_weight)))
        draws.append(balanced_accuracy(replicates.draws(y_true, y_prob, sample_weight)))
    return BalancedAccuracyDraws(tuple(y_probs), np.concatenate(points), np.stack(draws))


def answer_hypotheses(draws: BalancedAccuracyDraws, members: HypothesisMembers) -> pd.DataFrame:
    """Answer H1 to H4.

    Returns:
        hypothesis, first, second, difference (first minus second), low, high, p_value, p_holm, answer: the sides as
        findings `side.*` in text form, the answer as better, worse, same or nothing. Holm's correction runs over the
        comparisons of one hypothesis. A hypothesis with nothing to compare has one row of NaN.

    Raises:
        DataError: a member is not among the draws.
    """
    pairs: dict[str, list[tuple[Side, Side]]] = {
        "H1": _pairs((_side("learning_rate", rate=rate), names) for rate, names in members.by_rate.items()),
        "H2": [((_side("best_ensemble"), (members.best_ensemble,)), (_side("best_single"), (members.best_single,)))],
        "H3": [
            ((_side("intra_lr", scheme=scheme), (name,)), (_side("inter_lr", scheme=scheme), members.inter[scheme]))
            for scheme, name in members.intra.items()
            if members.inter.get(scheme)
        ],
        "H4": _pairs(_schemes(members)),
    }
    tables = [_answer(draws, name, compared) for name, compared in pairs.items()]
    return pd.concat(tables, ignore_index=True)


Side = tuple[Finding, tuple[str, ...]]
"""What is compared, as a finding `side.*`, and the members that stand for it."""

COLUMNS = ["hypothesis", "first", "second", "difference", "low", "high", "p_value", "p_holm", "answer"]


def _side(kind: str, **values: object) -> Finding:
    return Finding(f"side.{kind}", "info", values)


def _pairs(sides: Iterable[Side]) -> list[tuple[Side, Side]]:
    return list(combinations(sides, 2))


def _schemes(members: HypothesisMembers) -> Iterator[Side]:
    """Every ensemble of a scheme, repeated so that each scenario counts the same in their mean."""
    for scheme in dict.fromkeys([*members.inter, *members.intra]):
        inter = tuple(members.inter.get(scheme, ()))
        intra = (members.intra[scheme],) * max(1, len(inter)) if scheme in members.intra else ()
        yield _side("scheme", scheme=scheme), inter + intra


def _answer(draws: BalancedAccuracyDraws, hypothesis: str, pairs: list[tuple[Side, Side]]) -> pd.DataFrame:
    if not pairs:
        nothing = dict.fromkeys(("difference", "low", "high", "p_value", "p_holm"), float("nan"))
        row = {"hypothesis": hypothesis, "first": "", "second": "", **nothing, "answer": "nothing"}
        return pd.DataFrame([row])[COLUMNS]
    rows = [_difference(draws, *pair) for pair in pairs]
    holm = holm_adjusted(np.array([row["p_value"] for row in rows]))
    table = pd.DataFrame(rows).assign(hypothesis=hypothesis, p_holm=holm)
    table["answer"] = [_verdict(row, p) for row, p in zip(rows, holm, strict=True)]
    return table[COLUMNS]


def holm_adjusted(p_values_n: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Holm's step-down p-values (n,) of several comparisons, p-values (n,), in their order.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    order = np.argsort(p_values_n)
    steps = p_values_n[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _difference(draws: BalancedAccuracyDraws, first: Side, second: Side) -> dict[str, float | str]:
    point_a, draws_a = draws.mean_of(first[1])
    point_b, draws_b = draws.mean_of(second[1])
    low, high = percentiles(draws_a - draws_b)
    return {
        "first": findings_to_text([first[0]]),
        "second": findings_to_text([second[0]]),
        "difference": point_a - point_b,
        "low": low,
        "high": high,
        "p_value": bootstrap_p(draws_a - draws_b),
    }


def bootstrap_p(differences_r: Array) -> float:
    """Two-sided p of no difference: twice the smaller tail share beyond 0, (1 + count) / (r + 1), at most 1.

    Source: Davison and Hinkley 1997, section 4.2 (the added one).
    """
    below, above = (differences_r <= 1e-12).sum(), (differences_r >= -1e-12).sum()
    return float(min(1.0, 2 * (1 + min(below, above)) / (len(differences_r) + 1)))


def _verdict(row: Mapping[str, float | str], p_holm: float) -> str:
    """`better` or `worse` (the first than the second), or `same` where they cannot be told apart."""
    difference, low, high = (float(row[key]) for key in ("difference", "low", "high"))
    if low <= 0 <= high or p_holm >= ALPHA:
        return "same"
    return "better" if difference > 0 else "worse"

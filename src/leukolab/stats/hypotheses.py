"""H1 to H4 of the `wen` study: differences of balanced accuracy at 0.5 by subject, answered together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from leukolab.base.findings import Finding, findings_to_text
from leukolab.stats.comparisons import Answer, Sides, answer_together
from leukolab.stats.folds import fold_difference, training_variance
from leukolab.stats.paired import Paired, paired_difference
from leukolab.stats.recalls import Recalls

HYPOTHESES = ("H1", "H2", "H3", "H4")
NUMBERS = ("difference", "low", "high", "p_value", "p_holm", "mdd")
COLUMNS = ["hypothesis", "first", "second", *NUMBERS, "answer", "note"]


@dataclass(frozen=True)
class HypothesisMembers:
    """Which members each hypothesis compares; names as in the recalls."""

    by_rate: Mapping[float, tuple[str, ...]]
    """Learning rate to its fold models, of the same folds in the same order."""
    inter: Mapping[str, tuple[str, ...]]
    """Scheme to its Inter-LR ensembles, one per learning rate."""
    intra: Mapping[str, str]
    """Scheme to its Intra-LR ensemble."""
    best_ensemble: str
    best_single: str
    """Both as selected without the test part, where the protocol is the corrected one."""
    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Ensemble to its models with their weights, in every outer part; one that is not here is a model itself."""
    parts: int = 1
    """Outer parts whose test subjects are taken together."""

    def training_share(self, first: Iterable[str], second: Iterable[str]) -> float:
        """Which multiple of one model's training variance the difference of two sides has.

        The sum over models of (weight in the first - weight in the second)^2, mean over outer parts.
        """
        share: dict[str, float] = {}
        for sign, side in ((1.0, list(first)), (-1.0, list(second))):
            for name in side:
                for model, weight in self.models.get(name, {name: 1.0}).items():
                    share[model] = share.get(model, 0.0) + sign * weight / len(side)
        return sum(value**2 for value in share.values()) / self.parts

    @property
    def same_folds(self) -> list[tuple[str, ...]]:
        """Fold models of each learning rate; nothing where rates differ in how many they have."""
        rates = list(self.by_rate.values())
        return rates if len({len(names) for names in rates}) == 1 else []


Side = tuple[Finding, tuple[str, ...]]
"""What is compared, as a finding `side.*`, and the members that stand for it."""


@dataclass(frozen=True)
class Comparison:
    """Two sides of one hypothesis."""

    hypothesis: str
    first: Side
    second: Side

    @property
    def sides(self) -> Sides:
        """The members of both."""
        return self.first[1], self.second[1]


def answer_hypotheses(
    recalls: Recalls,
    members: HypothesisMembers,
    primary: str | None = None,
    barred: Finding | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Answer H1 to H4.

    Args:
        primary: the hypothesis named beforehand: answered apart, the others together; without one all are together.
        barred: why these images allow no test, where they do not: differences only.
        seed: of the sign patterns of the tests.

    Returns:
        `COLUMNS`: the numbers and the answer as in `Answer`, sides and note as findings in text form. A hypothesis
        with nothing to compare has one row of NaN and the answer nothing.

    Raises:
        DataError: a member is not among the recalls.
    """
    comparisons = list(_comparisons(members))
    test, rows = _test(recalls, members, seed), []
    for alone in (True, False):
        family = [one for one in comparisons if (one.hypothesis == primary) == alone]
        role = () if primary is None else (Finding("test.primary" if alone else "test.exploratory", "info"),)
        answers = answer_together(recalls, [one.sides for one in family], test, barred, seed)
        rows += [_row(one, answer, role) for one, answer in zip(family, answers, strict=True)]
    there = {one.hypothesis for one in comparisons}
    rows += [
        {"hypothesis": name, "first": "", "second": "", "answer": "nothing", "note": ""}
        for name in HYPOTHESES
        if name not in there
    ]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("hypothesis", kind="stable", ignore_index=True)


def _comparisons(members: HypothesisMembers) -> Iterator[Comparison]:
    rates = [(_side("learning_rate", rate=rate), names) for rate, names in members.by_rate.items()]
    for pair in combinations(rates, 2):
        yield Comparison("H1", *pair)
    best, single = (members.best_ensemble,), (members.best_single,)
    yield Comparison("H2", (_side("best_ensemble"), best), (_side("best_single"), single))
    for scheme, name in members.intra.items():
        if inter := members.inter.get(scheme):
            intra = _side("intra_lr", scheme=scheme), (name,)
            yield Comparison("H3", intra, (_side("inter_lr", scheme=scheme), inter))
    for pair in combinations(_schemes(members), 2):
        yield Comparison("H4", *pair)


def _side(kind: str, **values: object) -> Finding:
    return Finding(f"side.{kind}", "info", values)


def _schemes(members: HypothesisMembers) -> Iterator[Side]:
    """Every ensemble of a scheme, repeated so that each scenario counts the same in their mean."""
    for scheme in dict.fromkeys([*members.inter, *members.intra]):
        inter = tuple(members.inter.get(scheme, ()))
        intra = (members.intra[scheme],) * max(1, len(inter)) if scheme in members.intra else ()
        yield _side("scheme", scheme=scheme), inter + intra


def _test(recalls: Recalls, members: HypothesisMembers, seed: int) -> Callable[[Sides], Paired] | None:
    """Of settings over their folds, folds crossed with subjects; of ensembles one sign per subject.

    None where nothing tells how much trainings differ: the members are then compared as they were trained.
    """
    folds = {names: np.stack([recalls.mean_of([name]) for name in names]) for names in members.same_folds}
    tau = training_variance(list(folds.values()), recalls.weight_gk)
    if tau is None:
        return None

    def test(sides: Sides) -> Paired:
        first, second = sides
        if first in folds and second in folds:
            return fold_difference(folds[first], folds[second], recalls.weight_gk)
        extra = tau * members.training_share(first, second)
        return paired_difference(recalls.mean_of(first), recalls.mean_of(second), recalls.weight_gk, extra, seed)

    return test


def _row(one: Comparison, answer: Answer, role: tuple[Finding, ...]) -> dict[str, object]:
    sides = {"first": findings_to_text([one.first[0]]), "second": findings_to_text([one.second[0]])}
    numbers = {name: getattr(answer, name) for name in NUMBERS}
    note = findings_to_text([*role, *answer.notes])
    return {"hypothesis": one.hypothesis, **sides, **numbers, "answer": answer.answer, "note": note}

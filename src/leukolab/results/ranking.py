"""Which of several is best: scores of members on one part, champions, winners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from leukolab.base.errors import DataError
from leukolab.results.members import Member
from leukolab.results.wen import Array
from leukolab.stats import METRICS

RULE = {"kappa": False, "accuracy": False, "log_loss": True}
"""Who is best: highest kappa, ties by accuracy, then by lower log loss (ascending or not)."""
SCORED = ("accuracy", "f1", "kappa", "balanced_accuracy", "log_loss")
"""Scores measured of every member: the schemes', and the rule's."""
TIE_DECIMALS = 12
"""Scores equal up to here are ties."""


class Scored(NamedTuple):
    """Predictions of one member for one role."""

    labels_n: Array
    probs_nk: Array
    weights_n: Array
    """float64 (n,), copies of each image in that role."""


Predictions = Callable[[Member, str], Scored]
"""(member, role) to its predictions. Models of one outer part share the images of tuning and test, in one order;
validation is each model's own fold."""


def scores_of(members: Sequence[Member], predictions: Predictions, role: str) -> pd.DataFrame:
    """accuracy, f1, kappa, balanced_accuracy and log_loss of each member on its own images of `role`, a row each.

    Raises:
        DataError: a member has no images of that role.
    """
    rows = []
    for member in members:
        scored = predictions(member, role)
        if not len(scored.labels_n):
            raise DataError(
                f"{member.member}: expected predictions for the role '{role}', found none. Choose another part."
            )
        rows.append(score_row(scored))
    return pd.DataFrame(rows)


def score_row(scored: Scored) -> dict[str, float]:
    """The scores of `SCORED` for one member."""
    return {name: METRICS[name](*scored) for name in SCORED}


def order_of(scores: pd.DataFrame) -> list[int]:
    """Positions of the rows from best to worst by `RULE`; the earlier row where all are equal."""
    keys = scores[list(RULE)].round(TIE_DECIMALS).reset_index(drop=True)
    order = keys.sort_values(list(RULE), ascending=list(RULE.values()), kind="stable").index
    return [int(place) for place in order]


def champions(members: Sequence[Member], scores: pd.DataFrame) -> list[int]:
    """Positions of the best model of each learning rate, by `RULE`, in the order in which the rates first come.

    Args:
        scores: from `scores_of`, measured on the part the protocol names (`champion_on`); a row per member.
    """
    best = []
    for rate in dict.fromkeys(member.learning_rate for member in members):
        own = [place for place, member in enumerate(members) if member.learning_rate == rate]
        best.append(own[order_of(scores.iloc[own])[0]])
    return best


def winner(members: Iterable[Member], predictions: Predictions, role: str, sources: Iterable[Member] = ()) -> Member:
    """The best of some members on `role`, by the champions' rule; the earlier where all is equal.

    On `validation`, which members do not share, an ensemble counts as its sources do on average, each on its own fold.

    Args:
        sources: the models that ensembles among the members are made of.

    Raises:
        DataError: none is given, or the sources of an ensemble do not share the role.
    """
    some, models = list(members), {model.member: model for model in sources}
    if not some:
        raise DataError("ensembles: expected at least one to choose from, found none.")
    rows = []
    for one in some:
        if role == "validation" and one.sources:
            each = scores_of([models[name] for name in one.sources], predictions, role)
            rows.append({str(name): float(value) for name, value in each.mean().items()})
        else:
            rows.append(score_row(predictions(one, role)))
    return some[order_of(pd.DataFrame(rows))[0]]

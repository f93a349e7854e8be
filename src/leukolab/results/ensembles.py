"""The ensembles of one outer part: each scenario under each scheme, its equal mean, the best single model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError
from leukolab.results.members import EQUAL, SINGLE, Member
from leukolab.results.ranking import Predictions, Scored, champions, order_of, scores_of
from leukolab.results.wen import wen_mix, wen_weights
from leukolab.spec import EnsembleSpec


def build_ensembles(
    models: Sequence[Member], predictions: Predictions, spec: EnsembleSpec, weights_on: str, champion_on: str
) -> list[Member]:
    """The ensembles of the models of one outer part.

    Args:
        weights_on: role whose scores become weights; `validation` is each model's own fold.
        champion_on: role whose scores name the champions and the best single model.

    Returns:
        Inter-LR by learning rate and scheme, Intra-LR by scheme, equal means, the best single model.

    Raises:
        DataError: no model, or a model without images of a role.
    """
    if not models:
        raise DataError("ensembles: expected at least one trained model, found none.")
    weighed = scores_of(models, predictions, weights_on)
    judged = weighed if champion_on == weights_on else scores_of(models, predictions, champion_on)
    best = champions(models, judged)
    sets: list[tuple[str, float | None, list[int]]] = []
    if "inter_lr" in spec.scenarios:
        for rate in dict.fromkeys(model.learning_rate for model in models):
            sets.append(("inter_lr", rate, [n for n, model in enumerate(models) if model.learning_rate == rate]))
    if "intra_lr" in spec.scenarios:
        sets.append(("intra_lr", None, best))
    made = [
        _weighted(scenario, rate, [models[n] for n in own], scheme, weighed.iloc[own])
        for scenario, rate, own in sets
        for scheme in spec.schemes
    ]
    made += [_equal(scenario, rate, [models[n] for n in own]) for scenario, rate, own in sets]
    first = best[order_of(judged.iloc[best])[0]]
    return [*made, _single(models[first], float(judged["kappa"].iloc[first]))]


def mixed(ensemble: Member, parts: Sequence[Scored], role: str) -> Scored:
    """Predictions of an ensemble for a role its sources share (tuning or test).

    Args:
        parts: predictions of the sources, in their order.

    Raises:
        DataError: the sources were not asked about the same images.
    """
    first = parts[0]
    for name, part in zip(ensemble.sources, parts, strict=True):
        if not np.array_equal(part.labels_n, first.labels_n) or not np.array_equal(part.weights_n, first.weights_n):
            raise DataError(f"{ensemble.member}: expected members on the same {role} images, found others for {name}.")
    probs_nk = wen_mix(np.stack([part.probs_nk for part in parts]), np.asarray(ensemble.weights))
    return Scored(first.labels_n, probs_nk, first.weights_n)


def _weighted(scenario: str, rate: float | None, own: list[Member], scheme: str, scores: pd.DataFrame) -> Member:
    measured = scores[scheme].to_numpy(dtype=np.float64)
    return _named(scenario, rate, scheme, own, tuple(wen_weights(measured).tolist()), tuple(measured.tolist()))


def _equal(scenario: str, rate: float | None, own: list[Member]) -> Member:
    count = len(own)
    return _named(scenario, rate, EQUAL, own, (1 / count,) * count, (float("nan"),) * count)


def _single(model: Member, kappa: float) -> Member:
    return _named(SINGLE, model.learning_rate, SINGLE, [model], (1.0,), (kappa,))


def _named(
    scenario: str,
    rate: float | None,
    scheme: str,
    own: list[Member],
    weights: tuple[float, ...],
    measured: tuple[float, ...],
) -> Member:
    first = own[0]
    facts = Member(
        member="",
        kind="ensemble",
        protocol=first.protocol,
        outer=first.outer,
        reading=first.reading,
        method=first.method,
        learning_rate=rate,
        scenario=scenario,
        scheme=scheme,
        sources=tuple(model.member for model in own),
        weights=weights,
        measured=measured,
    )
    return facts.called(f"{first.protocol}/outer{first.outer}/{facts.ensemble_key}")

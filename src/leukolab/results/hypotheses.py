"""H1 to H4 of a study that mixes: on the test part of each outer part, and on all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from leukolab.results.choice import Mixtures
from leukolab.results.members import ALL_PARTS, BEST_ENSEMBLE, Member
from leukolab.results.paired import barred, recalls_of
from leukolab.results.pooling import Pool, joined_recalls
from leukolab.results.predictions import Results
from leukolab.stats import HypothesisMembers, Recalls, answer_hypotheses


def hypotheses_table(results: Results, mixtures: Sequence[Mixtures], pools: Sequence[Pool]) -> pd.DataFrame:
    """The answers of all outer parts together, of protocols that were pooled, then those of each part."""
    tables = [_together(results, pool, mixtures) for pool in pools]
    return pd.concat([*tables, *(_of_part(results, one) for one in mixtures)], ignore_index=True)


def hypothesis_members(
    models: Iterable[tuple[str, float]], ensembles: Iterable[Member], best_ensemble: str, best_single: str
) -> HypothesisMembers:
    """What H1 to H4 compare in one outer part.

    Args:
        models: name and learning rate of each, those of a rate by fold.
        ensembles: from `build_ensembles`.
        best_ensemble: name of the one that won on the part that chooses.
        best_single: name of the best single model.
    """
    some = [one for one in ensembles if one.weighted]
    by_rate: dict[float, tuple[str, ...]] = {}
    for name, rate in models:
        by_rate[rate] = (*by_rate.get(rate, ()), name)
    inter: dict[str, tuple[str, ...]] = {}
    for one in some:
        if one.scenario == "inter_lr":
            inter[one.scheme] = (*inter.get(one.scheme, ()), one.member)
    intra = {one.scheme: one.member for one in some if one.scenario == "intra_lr"}
    return HypothesisMembers(by_rate, inter, intra, best_ensemble, best_single)


def _of_part(results: Results, mixtures: Mixtures) -> pd.DataFrame:
    """H1 to H4 on the test part of one outer part."""
    scored = {one.member: results.scored(one, "test") for one in (*mixtures.models, *mixtures.ensembles)}
    recalls = recalls_of(results, scored, results.groups_of(mixtures.models[0], "test"))
    models = sorted(mixtures.models, key=lambda model: model.fold)
    rates = [(model.member, float(model.learning_rate or 0.0)) for model in models]
    compared = hypothesis_members(rates, mixtures.ensembles, mixtures.best.member, mixtures.single.member)
    compared = replace(compared, models={one.member: _weights([one]) for one in mixtures.ensembles})
    table = _answered(results, mixtures.protocol, recalls, compared)
    return table.assign(outer=mixtures.outer, picked_on=mixtures.picked_on)


def _together(results: Results, pool: Pool, mixtures: Sequence[Mixtures]) -> pd.DataFrame:
    """H1 to H4 on all test parts of one protocol together, with the ensembles and folds of its outer parts.

    Fold f of a subject is fold f of the outer part that tests it.
    """
    series: dict[str, tuple[Member, ...]] = {}
    models: list[tuple[str, float]] = []
    ensembles = [one for one in pool.members if one.pools == "ensemble"]
    for one in pool.members:
        for fold, members in enumerate(pool.series(one) if one.pools == "model" else (), start=1):
            name = f"{one.member}/fold{fold}"
            series[name] = members
            models.append((name, float(members[0].learning_rate or 0.0)))
    series |= {one.member: pool.series(one)[0] for one in ensembles}
    best = next(one.member for one in ensembles if one.method == BEST_ENSEMBLE)
    single = next(one.member for one in ensembles if one.scenario == "single")
    own = [one for one in ensembles if one.method != BEST_ENSEMBLE]
    weights = {one.member: _weights(series[one.member]) for one in ensembles}
    compared = replace(hypothesis_members(models, own, best, single), models=weights, parts=len(series[best]))
    table = _answered(results, pool.protocol, joined_recalls(results, series), compared)
    picked_on = ", ".join(sorted({one.picked_on for one in mixtures if one.protocol == pool.protocol}))
    return table.assign(outer=ALL_PARTS, picked_on=picked_on)


def _answered(results: Results, protocol: str, recalls: Recalls, compared: HypothesisMembers) -> pd.DataFrame:
    spec = results.spec
    why_not = barred(results, protocol)
    return answer_hypotheses(recalls, compared, spec.report.primary_question, why_not, spec.seed).assign(
        protocol=protocol
    )


def _weights(ensembles: Iterable[Member]) -> dict[str, float]:
    """Models of the same ensemble in several outer parts, with their weights."""
    return {name: weight for one in ensembles for name, weight in zip(one.sources, one.weights, strict=True)}

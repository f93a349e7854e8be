"""H1 to H4 of a study that mixes: on the test part of each outer part, and on all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from leukolab.results.choice import Mixtures
from leukolab.results.members import ALL_PARTS, BEST_ENSEMBLE, Member
from leukolab.results.pooling import Pool, joined_draws
from leukolab.results.predictions import Results
from leukolab.stats import HypothesisMembers, answer_hypotheses, balanced_accuracy_draws


def hypotheses_table(results: Results, mixtures: Sequence[Mixtures], pools: Sequence[Pool]) -> pd.DataFrame:
    """The answers of all outer parts together, of protocols that were pooled, then those of each part."""
    tables = [_together(results, pool, mixtures) for pool in pools]
    return pd.concat([*tables, *(_of_part(results, one) for one in mixtures)], ignore_index=True)


def hypothesis_members(
    models: Iterable[tuple[str, float]], ensembles: Iterable[Member], best_ensemble: str, best_single: str
) -> HypothesisMembers:
    """What H1 to H4 compare in one outer part.

    Args:
        models: name and learning rate of each.
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
    everyone = [*mixtures.models, *mixtures.ensembles]
    probs = {one.member: results.scored(one, "test").probs_nk for one in everyone}
    labels_n, _, weights_n = results.scored(mixtures.models[0], "test")
    draws = balanced_accuracy_draws(labels_n, probs, weights_n, results.replicates(mixtures.models[0], "test"))
    models = [(model.member, float(model.learning_rate or 0.0)) for model in mixtures.models]
    compared = hypothesis_members(models, mixtures.ensembles, mixtures.best.member, mixtures.single.member)
    table = answer_hypotheses(draws, compared)
    return table.assign(protocol=mixtures.protocol, outer=mixtures.outer, picked_on=mixtures.picked_on)


def _together(results: Results, pool: Pool, mixtures: Sequence[Mixtures]) -> pd.DataFrame:
    """H1 to H4 on all test parts of one protocol together, with the ensembles and folds of its outer parts."""
    series: dict[str, tuple[Member, ...]] = {}
    models: list[tuple[str, float]] = []
    for one in pool.members:
        if one.pools == "ensemble":
            series[one.member] = pool.series(one)[0]
        elif one.pools == "model":
            for fold, members in enumerate(pool.series(one), start=1):
                name = f"{one.member}/fold{fold}"
                series[name] = members
                models.append((name, float(members[0].learning_rate or 0.0)))
    ensembles = [one for one in pool.members if one.pools == "ensemble"]
    best = next(one.member for one in ensembles if one.method == BEST_ENSEMBLE)
    single = next(one.member for one in ensembles if one.scenario == "single")
    own = [one for one in ensembles if one.method != BEST_ENSEMBLE]
    table = answer_hypotheses(joined_draws(results, series), hypothesis_members(models, own, best, single))
    picked_on = ", ".join(sorted({one.picked_on for one in mixtures if one.protocol == pool.protocol}))
    return table.assign(protocol=pool.protocol, outer=ALL_PARTS, picked_on=picked_on)

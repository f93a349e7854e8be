"""All outer parts together: each kind of member scored once on every image that any outer part tested.

Only where the test parts of a split hold every image once (`Split.tests_once`) and more than one of them was run;
repeated hold-outs, whose test parts overlap, are never pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.base.findings import Finding, findings_from_text, findings_to_text
from leukolab.results.choice import Mixtures, rule_of, winner_of
from leukolab.results.members import ALL_PARTS, BEST_ENSEMBLE, CHOSEN, Member
from leukolab.results.paired import against, barred, recalls_of
from leukolab.results.predictions import Results
from leukolab.results.ranking import Scored
from leukolab.results.records import PooledRecord
from leukolab.results.scores import SCORE_COLUMNS, by_summary, units_of
from leukolab.splits import few_test_groups_together
from leukolab.stats import Recalls, Replicates, mean_score_table, scores

Series = tuple[Member, ...]
"""Who stands for one member in each outer part."""


@dataclass(frozen=True)
class Pool:
    """The members of one protocol over its outer parts."""

    protocol: str
    members: tuple[Member, ...]
    known: Mapping[str, Member]
    """Members of single outer parts by name."""

    def series(self, pooled: Member) -> tuple[Series, ...]:
        """One series for each fold of pooled models, one alone for others. Scores are means over them."""
        sources = [self.known[name] for name in pooled.sources]
        if pooled.pools != "model":
            return (tuple(sources),)
        folds = dict.fromkeys(source.fold for source in sources)
        return tuple(tuple(source for source in sources if source.fold == fold) for fold in folds)


@dataclass(frozen=True)
class Union:
    """The test images of some outer parts, by image_id, and the replicates they share."""

    image_ids: list[str]
    labels_n: NDArray[np.int64]
    copies_n: NDArray[np.float64]
    groups_n: NDArray[Any]
    replicates: Replicates


def pools_of(results: Results, summaries: Sequence[Member], mixtures: Sequence[Mixtures]) -> list[Pool]:
    """What can be pooled of each protocol: what each part picked, models, ensembles, rivals."""
    ensembles = [one for mixed in mixtures for one in mixed.ensembles]
    known = {one.member: one for one in (*results.models, *ensembles, *results.rivals)}
    pools = []
    for protocol, split in results.splits.items():
        mine = [one for one in mixtures if one.protocol == protocol]
        found = [
            *_picked(results, protocol, mine),
            *_models(results, protocol, summaries),
            *_ensembles(protocol, mine),
            *_rivals([rival for rival in results.rivals if rival.protocol == protocol]),
        ]
        several = tuple(one for one in found if len({known[name].outer for name in one.sources}) > 1)
        if split.tests_once and several:
            pools.append(Pool(protocol, several, known))
    return pools


def pooled_scores(results: Results, pools: Sequence[Pool]) -> pd.DataFrame:
    """Rows of `scores` of every pooled member."""
    return pd.concat([_scores(results, pool, one) for pool in pools for one in pool.members], ignore_index=True)


def pooled_record(results: Results, pool: Pool) -> PooledRecord | None:
    """What the report's first lines need of one protocol; None where nothing was chosen."""
    chosen = next((one for one in pool.members if one.pools == CHOSEN), None)
    if chosen is None:
        return None
    series = {one.member: pool.series(one)[0] for one in pool.members if one.pools in (CHOSEN, "rival")}
    mine = series[chosen.member]
    union = _union(results, mine)
    few = few_test_groups_together(union.labels_n, union.groups_n) if results.subjects_known else None
    others = [name for name in series if name != chosen.member]
    why_not = barred(results, pool.protocol)
    return PooledRecord(
        member=chosen.member,
        parts=tuple(one.outer for one in mine),
        of=len(results.splits[pool.protocol].outers),
        images=len(union.image_ids),
        groups=len(set(union.groups_n)),
        claim=all(rule_of(results, pool.protocol, one.outer).claim for one in mine),
        few=few,
        against=against(joined_recalls(results, series), chosen.member, others, why_not, results.spec.seed),
    )


def joined_recalls(results: Results, series: Mapping[str, Series]) -> Recalls:
    """Recalls by subject of members on the same images, put together over their outer parts."""
    scored = {name: joined(results, members) for name, members in series.items()}
    groups_n = _union(results, next(iter(series.values()))).groups_n
    return recalls_of(results, scored, groups_n)


def _picked(results: Results, protocol: str, mixtures: Sequence[Mixtures]) -> Iterator[Member]:
    """What each outer part's rule picked, where all parts could pick among the same, and of weighted ensembles."""
    ensembles = {one.outer: one.ensembles for one in mixtures}
    parts = {outer: models for (name, outer), models in results.outer_parts().items() if name == protocol}
    chosen = [
        winner_of(results, [*models, *ensembles.get(outer, ())], protocol, outer) for outer, models in parts.items()
    ]
    candidates = {frozenset((one.reading, one.learning_rate) for one in models) for models in parts.values()}
    if chosen and len(candidates) == 1:
        yield _pooled(f"{protocol}/pooled/{CHOSEN}", "chosen", chosen, method=CHOSEN)
    best = [one.best for one in mixtures]
    if best:
        yield _pooled(f"{protocol}/pooled/{BEST_ENSEMBLE}", "ensemble", best, method=BEST_ENSEMBLE)


def _models(results: Results, protocol: str, summaries: Sequence[Member]) -> Iterator[Member]:
    """Fold models of one reading and learning rate; folds that an outer part lacks are left out."""
    for summary, models in by_summary(results.models, summaries):
        if summary.protocol != protocol:
            continue
        outers = {model.outer for model in models}
        folds = {model.fold for model in models}
        whole = [own for fold in sorted(folds) if len(own := _of_fold(models, fold)) == len(outers)]
        if whole:
            name = summary.reading + ("" if summary.learning_rate is None else f"/lr{summary.learning_rate:g}")
            sources = [model for own in whole for model in own]
            facts = {"reading": summary.reading, "learning_rate": models[0].learning_rate}
            yield _pooled(f"{protocol}/pooled/{name}", "model", sources, **facts)


def _of_fold(models: Iterable[Member], fold: int) -> list[Member]:
    return _by_part(model for model in models if model.fold == fold)


def _ensembles(protocol: str, mixtures: Sequence[Mixtures]) -> Iterator[Member]:
    """Ensembles that are the same in every outer part but for their sources."""
    for number, made in enumerate(mixtures[0].ensembles if mixtures else ()):
        facts = {"scenario": made.scenario, "scheme": made.scheme, "reading": made.reading}
        rate = None if made.scenario == "single" else made.learning_rate
        sources = _by_part(one.ensembles[number] for one in mixtures)
        yield _pooled(f"{protocol}/pooled/{made.ensemble_key}", "ensemble", sources, learning_rate=rate, **facts)


def _rivals(rivals: Sequence[Member]) -> Iterator[Member]:
    for method in dict.fromkeys(rival.method for rival in rivals):
        sources = _by_part(rival for rival in rivals if rival.method == method)
        yield _pooled(f"rival:{method}:{sources[0].protocol}:pooled", "rival", sources, method=method)


def _pooled(name: str, pools: Any, sources: Sequence[Member], **facts: Any) -> Member:
    ordered = sources if pools == "model" else _by_part(sources)
    names = tuple(source.member for source in ordered)
    return Member(member=name, kind="pooled", protocol=ordered[0].protocol, pools=pools, sources=names, **facts)


def _by_part(members: Iterable[Member]) -> list[Member]:
    return sorted(members, key=lambda member: member.outer)


def _scores(results: Results, pool: Pool, one: Member) -> pd.DataFrame:
    series = pool.series(one)
    union = _union(results, series[0])
    members = [joined(results, own).probs_nk for own in series]
    tables = [
        mean_score_table(union.labels_n, members, weights_n, unit, union.replicates)
        for unit, weights_n in units_of(results, union.copies_n, union.groups_n).items()
    ]
    table = pd.concat(tables, ignore_index=True)
    values = {"folds": len(members), "parts": len(series[0])}
    said = [Finding("interval.folds_and_parts" if len(members) > 1 else "interval.parts", "info", values)]
    if not union.replicates.judged:
        table = _with_spread(table, [_part_scores(results, own) for own in zip(*series, strict=True)])
        said.append(Finding("interval.spread", "info", {"parts": len(series[0])}))
    table["interval"] = [findings_to_text([*said, *findings_from_text(made)]) for made in table["interval"]]
    return table.assign(member=one.member, role="test")[SCORE_COLUMNS]


def _part_scores(results: Results, models: Sequence[Member]) -> pd.Series:
    """Mean score of some models of one outer part on its test images, by (unit, metric)."""
    labels_n, _, copies_n = results.scored(models[0], "test")
    units = units_of(results, copies_n, results.groups_of(models[0], "test"))
    found = {}
    for unit, weights_n in units.items():
        each = pd.DataFrame([scores(labels_n, results.scored(model, "test").probs_nk, weights_n) for model in models])
        found[unit] = each.mean()
    together: pd.Series = pd.concat(found)
    return together


def _with_spread(table: pd.DataFrame, parts: Sequence[pd.Series]) -> pd.DataFrame:
    """Lowest and highest score of the outer parts in the place of an interval."""
    found = pd.concat(parts, axis=1)
    keys = pd.MultiIndex.from_frame(table[["unit", "metric"]])
    low, high = (getattr(found, end)(axis=1).reindex(keys).to_numpy() for end in ("min", "max"))
    return table.assign(low=low, high=high)


def _union(results: Results, series: Series) -> Union:
    scored, image_ids = joined(results, series), joined_ids(results, series)
    groups_n = np.array([results.groups[name] for name in image_ids])
    replicates = results.replicates_on(series[0].protocol, ALL_PARTS, image_ids, scored.labels_n)
    return Union(image_ids, scored.labels_n, scored.weights_n, groups_n, replicates)


def joined(results: Results, series: Series) -> Scored:
    """Test predictions of one member per outer part, put together by image_id."""
    order = np.argsort(np.array(_image_ids(results, series)))
    labels, probs, copies = zip(*(results.scored(member, "test") for member in series), strict=True)
    return Scored(*(np.concatenate(parts)[order] for parts in (labels, probs, copies)))


def joined_ids(results: Results, series: Series) -> list[str]:
    """Names of the images of `joined`, in its order."""
    return sorted(_image_ids(results, series))


def _image_ids(results: Results, series: Series) -> list[str]:
    return [name for member in series for name in results.image_ids(member, "test")]

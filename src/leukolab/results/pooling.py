"""All outer parts together: each kind of member scored once on every image that any outer part tested.

Only where the test parts of a split hold every image once (`Split.tests_once`) and more than one of them was run;
repeated hold-outs, whose test parts overlap, are never pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.results import Scored, hypothesis_members
from leukolab.results.mixtures import Mixtures, choice_of, differences, winner_of, with_picking_part
from leukolab.results.predictions import Results
from leukolab.results.scores import SCORE_COLUMNS, Member, summary_names
from leukolab.splits import few_test_groups_together
from leukolab.stats import (
    BalancedAccuracyDraws,
    Bootstrap,
    answer_hypotheses,
    balanced_accuracy_draws,
    image_weights,
    mean_score_table,
    subject_weights,
)

ALL_PARTS = 0
"""The outer part of rows about all outer parts together."""
CHOSEN, BEST_ENSEMBLE = "chosen", "best_ensemble"
"""What each outer part's own rule picked there: of everything, and of weighted ensembles."""


@dataclass(frozen=True)
class Pooled:
    """One kind of member over the outer parts of a protocol, such as Inter-LR 0.001 by kappa."""

    name: str
    protocol: str
    kind: str
    """model, ensemble, rival, or chosen."""
    series: tuple[tuple[Member, ...], ...]
    """One for each fold (or one alone): who stands for it in each outer part. Scores are means over them."""

    @property
    def parts(self) -> tuple[int, ...]:
        """The outer parts it is made of."""
        return tuple(member.place.outer for member in self.series[0])


@dataclass(frozen=True)
class Union:
    """The test images of some outer parts, by image_id, and the replicates they share."""

    image_ids: list[str]
    labels_n: NDArray[np.int64]
    copies_n: NDArray[np.float64]
    groups_n: NDArray[Any]
    bootstrap: Bootstrap


def pool(
    results: Results, models: list[Member], rivals: list[Member], mixtures: list[Mixtures]
) -> dict[str, list[Pooled]]:
    """Protocol to what can be pooled of it: the tuning part's winners, models, ensembles, rivals."""
    pools = {}
    for protocol, split in results.splits.items():
        if not split.tests_once:
            continue
        mixed = [one for one in mixtures if one.place.protocol == protocol]
        mine = [member for member in models if member.place.protocol == protocol]
        found = [
            *_picked(results, protocol, mine, mixed),
            *_models(results, protocol, mine),
            *_ensembles(protocol, mixed),
            *_rivals(protocol, [rival for rival in rivals if rival.place.protocol == protocol]),
        ]
        kept = [one for one in found if len(one.parts) > 1]
        if kept:
            pools[protocol] = kept
    return pools


def pooled_table(pools: dict[str, list[Pooled]]) -> pd.DataFrame:
    """Who stands for each pooled member: member, protocol, kind, outer, fold (from 1), source."""
    rows = [
        {"member": one.name, "protocol": one.protocol, "kind": one.kind, "outer": member.place.outer}
        | {"fold": fold, "source": member.name}
        for found in pools.values()
        for one in found
        for fold, series in enumerate(one.series, start=1)
        for member in series
    ]
    return pd.DataFrame(rows)


def pooled_scores(results: Results, pools: dict[str, list[Pooled]]) -> pd.DataFrame:
    """Rows of `scores` of every pooled member, with kind `pooled` and outer `ALL_PARTS`."""
    return pd.concat([_scores(results, one) for found in pools.values() for one in found], ignore_index=True)


def pooled_hypotheses(results: Results, found: list[Pooled], mixtures: list[Mixtures]) -> pd.DataFrame:
    """H1 to H4 on all test parts of one protocol together, with the ensembles and folds of its outer parts."""
    protocol = found[0].protocol
    mine = [one for one in mixtures if one.place.protocol == protocol]
    rates = mine[0].jobs.set_index("job")["learning_rate"]
    jobs, series = [], {}
    for one in found:
        if one.kind == "ensemble":
            series[_stem(one)] = one.series[0]
        elif one.kind == "model":
            for fold, members in enumerate(one.series, start=1):
                name = f"{one.name}/fold{fold}"
                series[name] = members
                jobs.append({"job": name, "learning_rate": float(rates[members[0].name])})
    members_of = hypothesis_members(pd.DataFrame(jobs), mine[0].made, BEST_ENSEMBLE)
    table = answer_hypotheses(_draws(results, series), members_of)
    picked_on = ", ".join(sorted({one.picked_on for one in mine}))
    return with_picking_part(table, picked_on).assign(protocol=protocol, outer=ALL_PARTS)


def pooled_record(results: Results, found: list[Pooled]) -> dict[str, Any]:
    """What the report's first lines need of one protocol, under the key `pooled`; nothing where nothing was chosen.

    Returns:
        `member` (the winners' of each part), its `parts`, `of` how many, `images`, `groups`, whether every part
        allows a `claim`, the warning about `few` test groups or None, and `against` its rivals.
    """
    chosen = next((one for one in found if one.kind == CHOSEN), None)
    if chosen is None:
        return {}
    series = {one.name: one.series[0] for one in found if one.kind in (CHOSEN, "rival")}
    union = _union(results, chosen.series[0])
    draws = _draws(results, series)
    few = few_test_groups_together(union.labels_n, union.groups_n) if results.subjects_known else None
    record = {
        "member": chosen.name,
        "parts": list(chosen.parts),
        "of": len(results.splits[chosen.protocol].outers),
        "images": len(union.image_ids),
        "groups": len(set(union.groups_n)),
        "claim": all(choice_of(results, chosen.protocol, outer).claim for outer in chosen.parts),
        "few": few.as_json() if few else None,
        "against": differences(draws, chosen.name, [name for name in series if name != chosen.name]),
    }
    return {"pooled": record}


def _picked(results: Results, protocol: str, models: list[Member], mixtures: list[Mixtures]) -> Iterator[Pooled]:
    """What each outer part's rule picked, of everything and of the weighted ensembles; in studies that mix."""
    chosen, best = [], []
    for one in mixtures:
        here = [member for member in models if member.place.outer == one.place.outer]
        chosen.append(winner_of(results, [*here, *one.members], protocol, one.place.outer)[0])
        best.append(one.members[[made.name for made in one.made].index(one.best)])
    if mixtures:
        yield Pooled(_name(protocol, CHOSEN), protocol, CHOSEN, (_by_part(chosen),))
        yield Pooled(_name(protocol, BEST_ENSEMBLE), protocol, "ensemble", (_by_part(best),))


def _models(results: Results, protocol: str, models: list[Member]) -> Iterator[Pooled]:
    """Fold models of one reading and learning rate; folds that an outer part lacks are left out."""
    jobs = results.jobs.assign(summary=list(summary_names(results.jobs)))
    jobs = jobs[jobs["protocol"] == protocol]
    members = {member.name: member for member in models}
    for name, own in jobs.groupby("summary", sort=False):
        outers = own["outer"].nunique()
        folds = [list(rows["job"]) for _, rows in own.groupby("fold") if len(rows) == outers]
        series = tuple(_by_part(members[str(job)] for job in fold) for fold in folds)
        if series:
            yield Pooled(_name(protocol, str(name).removeprefix(f"{protocol}/")), protocol, "model", series)


def _ensembles(protocol: str, mixtures: list[Mixtures]) -> Iterator[Pooled]:
    """Ensembles of one name."""
    for number, made in enumerate(mixtures[0].made if mixtures else []):
        series = _by_part(one.members[number] for one in mixtures)
        yield Pooled(_name(protocol, made.name), protocol, "ensemble", (series,))


def _rivals(protocol: str, rivals: list[Member]) -> Iterator[Pooled]:
    names = dict.fromkeys(rival.name.rpartition(":")[0] for rival in rivals)
    for name in names:
        series = _by_part(rival for rival in rivals if rival.name.rpartition(":")[0] == name)
        yield Pooled(f"{name}:pooled", protocol, "rival", (series,))


def _by_part(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.place.outer))


def _name(protocol: str, stem: str) -> str:
    return f"{protocol}/pooled/{stem}"


def _stem(one: Pooled) -> str:
    return one.name.removeprefix(_name(one.protocol, ""))


def _scores(results: Results, one: Pooled) -> pd.DataFrame:
    union = _union(results, one.series[0])
    units = {"image": image_weights(union.copies_n)}
    if results.subjects_known:
        units["subject"] = subject_weights(union.copies_n, union.groups_n)
    members = [_joined(results, series).probs_nk for series in one.series]
    tables = [mean_score_table(union.labels_n, members, w, unit, union.bootstrap) for unit, w in units.items()]
    table = pd.concat(tables, ignore_index=True)
    several = f"mean of {len(members)} fold models, " if len(members) > 1 else ""
    method = f"{several}{len(one.parts)} outer parts together; {union.bootstrap.method}"
    table = table.assign(member=one.name, protocol=one.protocol, outer=ALL_PARTS, kind="pooled", role="test")
    return table.assign(method=method)[SCORE_COLUMNS]


def _draws(results: Results, series: dict[str, tuple[Member, ...]]) -> BalancedAccuracyDraws:
    """Replicates of members of the same images, paired."""
    union = _union(results, next(iter(series.values())))
    probs = {name: _joined(results, members).probs_nk for name, members in series.items()}
    return balanced_accuracy_draws(union.labels_n, probs, union.copies_n, union.bootstrap)


def _union(results: Results, series: tuple[Member, ...]) -> Union:
    joined, image_ids = _joined(results, series), sorted(_image_ids(results, series))
    groups_n = np.array([results.groups[name] for name in image_ids])
    bootstrap = results.replicates(series[0].place.protocol, ALL_PARTS, image_ids, joined.labels_n)
    return Union(image_ids, joined.labels_n, joined.weights_n, groups_n, bootstrap)


def _joined(results: Results, series: tuple[Member, ...]) -> Scored:
    """Test predictions of one member an outer part, put together by image_id."""
    order = np.argsort(np.array(_image_ids(results, series)))
    parts = zip(*(member.parts["test"] for member in series), strict=True)
    return Scored(*(np.concatenate(part)[order] for part in parts))


def _image_ids(results: Results, series: tuple[Member, ...]) -> list[str]:
    return [name for member in series for name in results.tables[member.like, "test"]["image_id"]]

"""Scores on changed test images: of what each outer part chose and of its simple rivals, by image and by subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukolab.images.shifts import AS_THEY_ARE
from leukolab.results.calls import probabilities
from leukolab.results.choice import mixtures_of, winner_of
from leukolab.results.folder import RunFolder
from leukolab.results.members import ALL_PARTS, CHOSEN, Member
from leukolab.results.predictions import Results
from leukolab.results.scores import units_of
from leukolab.stats import score_table


def chosen_of_parts(results: Results) -> list[Member]:
    """What each outer part of the protocol to be believed chose; of the first alone where test parts overlap."""
    protocol = results.spec.believed_protocol
    ensembles = [one for mixed in mixtures_of(results) for one in mixed.ensembles]
    outers = sorted({model.outer for model in results.models if model.protocol == protocol})
    if not results.splits[protocol].tests_once:
        outers = outers[:1]
    return [winner_of(results, [*results.models, *ensembles], protocol, outer) for outer in outers]


def standing_for(results: Results, member: Member) -> dict[str, Member]:
    """Method to the member of an outer part that goes by it: what was chosen there, and each rival."""
    return {CHOSEN: member} | {rival.method: rival for rival in results.rivals_of(member)}


def shift_scores(results: Results, chosen: Sequence[Member], predictions: pd.DataFrame) -> pd.DataFrame:
    """Every metric of every method under every change, the outer parts together.

    Args:
        results: the run.
        chosen: of each outer part, see `chosen_of_parts`.
        predictions: kind, strength, method, outer, image_id, label, p_0 ... p_{k-1}.

    Returns:
        The columns of `RunFolder.shifts`; `apart` is the largest difference of a probability from the run's own, where
        nothing was changed.
    """
    tables = []
    for (kind, strength, method), rows in predictions.groupby(["kind", "strength", "method"], sort=False):
        apart = difference(results, chosen, rows) if kind == AS_THEY_ARE else np.nan
        facts: dict[str, Any] = {"kind": kind, "strength": strength, "method": method, "apart": apart}
        facts |= {"member": standing_for(results, chosen[0])[str(method)].member if len(chosen) == 1 else ""}
        facts |= {"parts": len(chosen), "images": len(rows)}
        tables.append(_scores(results, chosen, rows).assign(**facts))
    return pd.concat(tables, ignore_index=True)[list(RunFolder.shifts.columns)]


def difference(results: Results, chosen: Sequence[Member], rows: pd.DataFrame) -> float:
    """Largest difference between the probabilities of one method and those the run has of the same images."""
    found = []
    for member in chosen:
        mine = rows[rows["outer"] == member.outer].set_index("image_id")
        if len(mine):
            own = standing_for(results, member)[str(mine["method"].iloc[0])]
            before = pd.DataFrame(results.scored(own, "test").probs_nk, results.image_ids(own, "test"))
            found.append(np.abs(before.loc[mine.index].to_numpy() - probabilities(mine)).max())
    return float(max(found))


def _scores(results: Results, chosen: Sequence[Member], rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.sort_values("image_id")
    image_ids, labels_n = [str(name) for name in rows["image_id"]], rows["label"].to_numpy(np.int64)
    place = chosen[0].outer if len(chosen) == 1 else ALL_PARTS
    replicates = results.replicates_on(chosen[0].protocol, place, image_ids, labels_n)
    copies = {
        name: copies
        for member in chosen
        for name, copies in zip(
            results.image_ids(member, "test"), results.scored(member, "test").weights_n, strict=True
        )
    }
    copies_n = np.array([copies[name] for name in image_ids])
    groups_n = np.array([results.groups[name] for name in image_ids])
    tables = [
        score_table(labels_n, probabilities(rows), weights_n, unit, replicates)
        for unit, weights_n in units_of(results, copies_n, groups_n).items()
    ]
    return pd.concat(tables, ignore_index=True)

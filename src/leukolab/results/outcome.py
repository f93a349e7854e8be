"""From the predictions of a run to its scores, its members and the model it offers; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from leukolab.results.answers import answers
from leukolab.results.calls import with_calls
from leukolab.results.choice import against_rivals, mixtures_of, offered, rule_of
from leukolab.results.facts import Facts
from leukolab.results.folder import RunFolder
from leukolab.results.headline import subject_table
from leukolab.results.hypotheses import hypotheses_table
from leukolab.results.members import Member, members_table
from leukolab.results.pooling import Pool, pooled_record, pooled_scores, pools_of
from leukolab.results.predictions import Results, read_results
from leukolab.results.records import ChosenRecord
from leukolab.results.scores import score_members, summary_members, summary_scores

TABLES = {
    "scores": RunFolder.scores,
    "confusion": RunFolder.confusion,
    "curves": RunFolder.curves,
    "class_report": RunFolder.class_report,
    "hypotheses": RunFolder.hypotheses,
    "subjects": RunFolder.subjects,
}


def write_outcome(folder: RunFolder) -> None:
    """Score the predictions of a run, choose a model, and write members, scores, choice and answers.

    Raises:
        RunError: predictions are missing or damaged.
    """
    results = read_results(folder)
    summaries, mixtures = summary_members(results.models, results.rivals), mixtures_of(results)
    ensembles = [one for mixed in mixtures for one in mixed.ensembles]
    predicting = [*results.models, *ensembles, *results.rivals]
    pools = pools_of(results, summaries, mixtures)
    tables = score_members(results, predicting)
    parts = [tables["scores"], summary_scores(tables["scores"], summaries)]
    tables["scores"] = pd.concat([*parts, *([pooled_scores(results, pools)] if pools else [])], ignore_index=True)
    if mixtures:
        tables["hypotheses"] = hypotheses_table(results, mixtures, [pool for pool in pools if _mixes(pool)])
    member = offered(results, [*results.models, *ensembles])
    everyone = [
        replace(one, chosen=one.member == member.member)
        for one in (*predicting, *summaries, *(one for pool in pools for one in pool.members))
    ]
    chosen = _chosen(results, member, pools)
    if results.subjects_known:
        tables["subjects"] = _subjects(results, member, everyone, chosen)
    for name, table in TABLES.items():
        if name in tables:
            folder.write(table, tables[name])
        else:
            folder.drop(table)
    folder.write(RunFolder.members, members_table(everyone))
    folder.write(RunFolder.predictions, _with_offered(results, member))
    folder.record(RunFolder.chosen, chosen)
    facts = Facts(results, tables["scores"], everyone, chosen, tables.get("hypotheses", pd.DataFrame()))
    folder.record(RunFolder.answers, answers(facts))


def _mixes(pool: Pool) -> bool:
    return any(one.pools == "ensemble" for one in pool.members)


def _chosen(results: Results, member: Member, pools: Sequence[Pool]) -> ChosenRecord:
    rule = rule_of(results, member.protocol, member.outer)
    pool = next((pool for pool in pools if pool.protocol == member.protocol), None)
    return ChosenRecord(
        member=member.member,
        chosen_on=rule.champion_on,
        claim=rule.claim,
        against=against_rivals(results, member),
        pooled=None if pool is None else pooled_record(results, pool),
    )


def _subjects(results: Results, member: Member, everyone: Sequence[Member], chosen: ChosenRecord) -> pd.DataFrame:
    """Subjects as they were called: by what each outer part chose where these were pooled, else by the one offered."""
    known = {one.member: one for one in everyone}
    judged = member if chosen.pooled is None else known[chosen.pooled.member]
    parts = [known[name] for name in judged.sources] if judged.kind == "pooled" else [judged]
    return subject_table(results, judged, parts)


def _with_offered(results: Results, member: Member) -> pd.DataFrame:
    """Predictions of models and rivals as they are, and after them those of the member offered, where it is mixed."""
    trained = {one.member for one in (*results.models, *results.rivals)}
    table = results.folder.predictions
    table = table[table["member"].isin(trained)]
    return pd.concat([table, *mixed_tables(results, member)], ignore_index=True)


def mixed_tables(results: Results, member: Member) -> list[pd.DataFrame]:
    """Predictions of an ensemble, a table per role; none of a member that stands in the run's own already."""
    tables = []
    for role in results.roles(member) if member.sources else ():
        labels_n, probs_nk, _ = results.scored(member, role)
        rows = {"member": member.member, "image_id": results.image_ids(member, role), "role": role, "label": labels_n}
        numbers = {f"p_{k}": probs_nk[:, k] for k in range(probs_nk.shape[1])}
        called = with_calls(pd.DataFrame({**rows, **numbers}))
        tables.append(called.astype(dict.fromkeys(numbers, "float32")))
    return tables

"""Ensembles of a run, its hypotheses, and the model it offers for use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leukolab.ensembles import (
    Ensemble,
    Scored,
    build_ensembles,
    ensembles_table,
    hypothesis_members,
    mixed,
    ranked,
    winner,
)
from leukolab.ensembles.members import Predictions, score_row
from leukolab.stats import answer_hypotheses, balanced_accuracy_draws
from leukolab.stats.intervals import percentiles
from leukolab.study.results import Place, Results
from leukolab.study.score import Member


@dataclass(frozen=True)
class Choice:
    """The part that chooses between models of an outer part, and whether its groups allow a claim."""

    champion_on: str
    weights_on: str
    claim: bool


def choice_of(results: Results, protocol: str, outer: int) -> Choice:
    """The protocol's rule; with few tuning groups, weights come from each member's own fold and nothing is claimed."""
    settings = results.spec.active_protocols[protocol]
    few = outer in results.splits[protocol].head.few_tuning_outer
    weights = "validation" if few and settings.weights_on == "tuning" else settings.weights_on
    return Choice(settings.champion_on, weights, claim=not few)


def ensemble_members(results: Results) -> tuple[list[Member], pd.DataFrame, pd.DataFrame]:
    """Every ensemble as a member, the table of their weights, and the answers to H1 to H4."""
    members: list[Member] = []
    weights, answers = [], []
    for place, jobs in _places(results):
        protocol, outer = place.protocol, place.outer
        some, made = _of_outer(results, protocol, outer, jobs)
        members += some
        names = {one.name: f"{protocol}/outer{outer}/{one.name}" for one in made}
        table = ensembles_table(made)
        weights.append(table.assign(ensemble=table["ensemble"].map(names), protocol=protocol))
        answers.append(_answers(results, place, jobs, made))
    return members, pd.concat(weights, ignore_index=True), pd.concat(answers, ignore_index=True)


def choose(results: Results, members: list[Member]) -> tuple[Member, str, bool]:
    """The model offered for use, the part that chose it, and whether that part allows a claim.

    The corrected protocol's first outer part where it was run; models, equal means and weighted ensembles compete.
    """
    protocol = "corrected" if "corrected" in results.splits else next(iter(results.splits))
    outer = int(results.jobs.loc[results.jobs["protocol"] == protocol, "outer"].min())
    choice = choice_of(results, protocol, outer)
    mine = [m for m in members if m.kind != "rival" and (m.place.protocol, m.place.outer) == (protocol, outer)]
    role = choice.champion_on
    mine = [m for m in mine if role in m.parts and not m.name.endswith("best_single")]
    rows = pd.DataFrame([score_row(m.parts[role]) for m in mine]).assign(number=range(len(mine)))
    return mine[int(ranked(rows)["number"].iloc[0])], role, choice.claim


def against_rivals(results: Results, member: Member, rivals: list[Member]) -> list[dict[str, Any]]:
    """Balanced accuracy of a member minus that of each rival on the same test part, with its interval.

    Returns:
        `rival`, `difference`, `low`, `high` for each rival of the member's outer part, the strongest rival first.
    """
    same = [
        rival
        for rival in rivals
        if (rival.place.protocol, rival.place.outer) == (member.place.protocol, member.place.outer)
    ]
    probs = {one.name: one.parts["test"].probs_nk for one in [member, *same]}
    _, labels_n, weights_n = member.parts["test"]
    bootstrap = results.bootstrap(member.like, member.place, "test")
    draws = balanced_accuracy_draws(probs, labels_n, weights_n, bootstrap)
    ours, ours_r = draws.mean_of([member.name])
    rows = []
    for rival in same:
        theirs, theirs_r = draws.mean_of([rival.name])
        low, high = percentiles(ours_r - theirs_r)
        rows.append({"rival": rival.name, "difference": ours - theirs, "low": low, "high": high})
    return sorted(rows, key=lambda row: float(row["difference"]))


def _places(results: Results) -> Iterator[tuple[Place, pd.DataFrame]]:
    """Each outer part with its jobs, in the order of the jobs."""
    for _, jobs in results.jobs.groupby(["protocol", "outer"], sort=False):
        yield Place(str(jobs["protocol"].iloc[0]), int(jobs["outer"].iloc[0])), jobs


def _of_outer(results: Results, protocol: str, outer: int, jobs: pd.DataFrame) -> tuple[list[Member], list[Ensemble]]:
    choice = choice_of(results, protocol, outer)
    made = build_ensembles(jobs, _access(results, jobs), results.spec.ensembles, choice.weights_on, choice.champion_on)  # type: ignore[arg-type]
    members = []
    for one in made:
        access = _access(results, jobs)
        like = one.members[0]
        roles = [role for role in ("tuning", "test") if results.has(like, role)]
        parts = {role: mixed(one, access, role) for role in roles}
        name = f"{protocol}/outer{outer}/{one.name}"
        members.append(Member(name, "ensemble", Place(protocol, outer), like, parts))
    return members, made


def _access(results: Results, jobs: pd.DataFrame) -> Predictions:
    places = {
        str(row.job): Place(str(row.protocol), int(str(row.outer)), int(str(row.fold))) for row in jobs.itertuples()
    }

    def predictions(role: str, job: str) -> Scored:
        return results.scored(job, places[job], role)

    return predictions


def _answers(results: Results, place: Place, jobs: pd.DataFrame, made: list[Ensemble]) -> pd.DataFrame:
    """H1 to H4 on the test part of one outer part; the best ensemble is picked where the protocol picks champions."""
    access = _access(results, jobs)
    choice = choice_of(results, place.protocol, place.outer)
    no_tuning = not results.has(str(jobs["job"].iloc[0]), "tuning")
    picking = "test" if no_tuning or choice.champion_on == "test" else "tuning"
    weighted = [one for one in made if one.scheme not in ("equal", "single")]
    best = winner(weighted, access, picking)
    members = hypothesis_members(jobs, made, best.name)
    probs = {str(job): access("test", str(job)).probs_nk for job in jobs["job"]}
    probs |= {one.name: mixed(one, access, "test").probs_nk for one in made}
    like = access("test", str(jobs["job"].iloc[0]))
    bootstrap = results.bootstrap(str(jobs["job"].iloc[0]), place, "test")
    draws = balanced_accuracy_draws(probs, like.labels_n, like.weights_n, bootstrap)
    return answer_hypotheses(draws, members).assign(protocol=place.protocol, outer=place.outer, picked_on=picking)

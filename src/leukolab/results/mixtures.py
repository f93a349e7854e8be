"""Ensembles of a run, its hypotheses, and the model it offers for use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leukolab.results import (
    Ensemble,
    Scored,
    build_ensembles,
    ensembles_table,
    hypothesis_members,
    mixed,
    ranked,
    winner,
)
from leukolab.results.predictions import Place, Results
from leukolab.results.ranking import Predictions, score_row
from leukolab.results.scores import Member
from leukolab.stats import BalancedAccuracyDraws, answer_hypotheses, balanced_accuracy_draws
from leukolab.stats.intervals import percentiles


@dataclass(frozen=True)
class Choice:
    """The part that chooses between models of an outer part, and whether its groups allow a claim."""

    champion_on: str
    weights_on: str
    claim: bool


@dataclass(frozen=True)
class Mixtures:
    """The ensembles of one outer part."""

    place: Place
    jobs: pd.DataFrame
    made: list[Ensemble]
    members: list[Member]
    """One for each of `made`, in their order."""
    best: str
    """The weighted ensemble (a name in `made`) that won on the part that picks."""
    picked_on: str
    """That part: test where the protocol picks champions there, else tuning; validation where there is none."""


def choice_of(results: Results, protocol: str, outer: int) -> Choice:
    """The protocol's rule; with few tuning groups, weights come from each member's own fold and nothing is claimed."""
    settings = results.spec.active_protocols[protocol]
    few = outer in results.splits[protocol].head.few_tuning_outer
    weights = "validation" if few and settings.weights_on == "tuning" else settings.weights_on
    return Choice(settings.champion_on, weights, claim=not few)


def mixtures_of(results: Results) -> list[Mixtures]:
    """The ensembles of every outer part of a run."""
    return [_of_outer(results, place, jobs) for place, jobs in _places(results)]


def weights_table(mixtures: list[Mixtures]) -> pd.DataFrame:
    """Members and weights of every ensemble, named as the ensemble's member."""
    tables = []
    for one in mixtures:
        names = {made.name: member.name for made, member in zip(one.made, one.members, strict=True)}
        table = ensembles_table(one.made)
        tables.append(table.assign(ensemble=table["ensemble"].map(names), protocol=one.place.protocol))
    return pd.concat(tables, ignore_index=True)


def hypotheses_table(results: Results, mixtures: list[Mixtures]) -> pd.DataFrame:
    """H1 to H4 on the test part of each outer part."""
    return pd.concat([_answers(results, one) for one in mixtures], ignore_index=True)


def choose(results: Results, members: list[Member]) -> tuple[Member, str, bool]:
    """The model offered for use, the part that chose it, and whether that part allows a claim.

    The corrected protocol's first outer part where it was run; models, equal means and weighted ensembles compete.
    """
    protocol = "corrected" if "corrected" in results.splits else next(iter(results.splits))
    outer = int(results.jobs.loc[results.jobs["protocol"] == protocol, "outer"].min())
    return winner_of(results, members, protocol, outer)


def winner_of(results: Results, members: list[Member], protocol: str, outer: int) -> tuple[Member, str, bool]:
    """What the protocol's rule offers in one outer part; see `choose`."""
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
    labels_n, _, weights_n = member.parts["test"]
    bootstrap = results.bootstrap(member.like, member.place, "test")
    draws = balanced_accuracy_draws(labels_n, probs, weights_n, bootstrap)
    return differences(draws, member.name, [rival.name for rival in same])


def differences(draws: BalancedAccuracyDraws, member: str, rivals: list[str]) -> list[dict[str, Any]]:
    """`rival`, `difference`, `low`, `high` of a member against each rival, the strongest rival first."""
    ours, ours_r = draws.mean_of([member])
    rows = []
    for rival in rivals:
        theirs, theirs_r = draws.mean_of([rival])
        low, high = percentiles(ours_r - theirs_r)
        rows.append({"rival": rival, "difference": ours - theirs, "low": low, "high": high})
    return sorted(rows, key=lambda row: float(row["difference"]))


def _places(results: Results) -> Iterator[tuple[Place, pd.DataFrame]]:
    """Each outer part with its jobs, in the order of the jobs."""
    for _, jobs in results.jobs.groupby(["protocol", "outer"], sort=False):
        yield Place(str(jobs["protocol"].iloc[0]), int(jobs["outer"].iloc[0])), jobs


def _of_outer(results: Results, place: Place, jobs: pd.DataFrame) -> Mixtures:
    choice = choice_of(results, place.protocol, place.outer)
    access = _access(results, jobs)
    made = build_ensembles(jobs, access, results.spec.ensembles, choice.weights_on, choice.champion_on)  # type: ignore[arg-type]
    members = []
    for one in made:
        like = one.members[0]
        roles = [role for role in ("tuning", "test") if results.has(like, role)]
        parts = {role: mixed(one, access, role) for role in roles}
        members.append(Member(f"{place.protocol}/outer{place.outer}/{one.name}", "ensemble", place, like, parts))
    tuning = "tuning" if results.has(str(jobs["job"].iloc[0]), "tuning") else "validation"
    picking = "test" if choice.champion_on == "test" else tuning
    weighted = [one for one in made if one.scheme not in ("equal", "single")]
    return Mixtures(place, jobs, made, members, winner(weighted, access, picking).name, picking)


def _access(results: Results, jobs: pd.DataFrame) -> Predictions:
    places = {
        str(row.job): Place(str(row.protocol), int(str(row.outer)), int(str(row.fold))) for row in jobs.itertuples()
    }

    def predictions(role: str, job: str) -> Scored:
        return results.scored(job, places[job], role)

    return predictions


def _answers(results: Results, mixtures: Mixtures) -> pd.DataFrame:
    """H1 to H4 on the test part of one outer part."""
    place, jobs = mixtures.place, mixtures.jobs
    access = _access(results, jobs)
    probs = {str(job): access("test", str(job)).probs_nk for job in jobs["job"]}
    pairs = zip(mixtures.made, mixtures.members, strict=True)
    probs |= {one.name: member.parts["test"].probs_nk for one, member in pairs}
    like = access("test", str(jobs["job"].iloc[0]))
    bootstrap = results.bootstrap(str(jobs["job"].iloc[0]), place, "test")
    draws = balanced_accuracy_draws(like.labels_n, probs, like.weights_n, bootstrap)
    table = answer_hypotheses(draws, hypothesis_members(jobs, mixtures.made, mixtures.best))
    return with_picking_part(table, mixtures.picked_on).assign(protocol=place.protocol, outer=place.outer)


def with_picking_part(hypotheses: pd.DataFrame, picked_on: str) -> pd.DataFrame:
    """H1 to H4 with the part that chose the best ensemble, which the sentence of H2 names too."""
    said = hypotheses["sentence"] + f" The ensemble was chosen on the {picked_on} part."
    sentences = hypotheses["sentence"].where(hypotheses["hypothesis"] != "H2", said)
    return hypotheses.assign(sentence=sentences, picked_on=picked_on)

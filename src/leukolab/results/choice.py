"""The model a run offers for use: which part chooses it, whether that is a claim, and how its rivals fare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leukolab.results.ensembles import build_ensembles
from leukolab.results.members import Member
from leukolab.results.paired import against, barred, recalls_of
from leukolab.results.predictions import Results
from leukolab.results.ranking import winner
from leukolab.results.records import Against


@dataclass(frozen=True)
class Rule:
    """The part that chooses between models of an outer part, and whether its groups allow a claim."""

    champion_on: str
    weights_on: str
    claim: bool


@dataclass(frozen=True)
class Mixtures:
    """The ensembles of one outer part."""

    protocol: str
    outer: int
    models: tuple[Member, ...]
    ensembles: tuple[Member, ...]
    best: Member
    """The weighted ensemble that won on the part that picks."""
    picked_on: str
    """That part: test where the protocol picks champions there, else tuning; validation where there is none."""

    @property
    def single(self) -> Member:
        """The best single model."""
        return self.ensembles[-1]


def rule_of(results: Results, protocol: str, outer: int) -> Rule:
    """The protocol's rule; with few tuning groups, weights come from each member's own fold and nothing is claimed."""
    settings = results.spec.active_protocols[protocol]
    few = outer in results.splits[protocol].head.few_tuning_outer
    weights = "validation" if few and settings.weights_on == "tuning" else settings.weights_on
    return Rule(settings.champion_on, weights, claim=not few)


def mixtures_of(results: Results) -> list[Mixtures]:
    """The ensembles of every outer part of a run; none where the study mixes nothing."""
    if results.spec.ensembles is None:
        return []
    return [_of_outer(results, *place, models) for place, models in results.outer_parts().items()]


def offered(results: Results, members: Sequence[Member]) -> Member:
    """The model offered for use, of the first outer part of the protocol that is to be believed.

    Models, equal means and weighted ensembles compete, on the part that the protocol's rule names.
    """
    protocol = results.spec.believed_protocol
    outer = min(model.outer for model in results.models if model.protocol == protocol)
    return winner_of(results, members, protocol, outer)


def winner_of(results: Results, members: Sequence[Member], protocol: str, outer: int) -> Member:
    """What the protocol's rule offers in one outer part; see `offered`."""
    role = rule_of(results, protocol, outer).champion_on
    mine = [
        one
        for one in members
        if (one.protocol, one.outer) == (protocol, outer)
        and one.kind in ("model", "ensemble")
        and one.scenario != "single"
        and role in results.roles(one)
    ]
    return winner(mine, results.scored, role)


def against_rivals(results: Results, member: Member) -> tuple[Against, ...]:
    """Balanced accuracy of a member minus that of each rival on the same test part, the strongest rival first."""
    rivals = [rival.member for rival in results.rivals_of(member)]
    scored = {one.member: results.scored(one, "test") for one in [member, *results.rivals_of(member)]}
    recalls = recalls_of(results, scored, results.groups_of(member, "test"))
    return against(recalls, member.member, rivals, barred(results, member.protocol), results.spec.seed)


def _of_outer(results: Results, protocol: str, outer: int, models: tuple[Member, ...]) -> Mixtures:
    rule, spec = rule_of(results, protocol, outer), results.spec.ensembles
    if spec is None:
        raise ValueError("this study mixes nothing")
    made = build_ensembles(models, results.scored, spec, rule.weights_on, rule.champion_on)
    tuning = "tuning" if "tuning" in results.roles(models[0]) else "validation"
    picking = "test" if rule.champion_on == "test" else tuning
    best = winner([one for one in made if one.weighted], results.scored, picking, models)
    return Mixtures(protocol, outer, models, tuple(made), best, picking)

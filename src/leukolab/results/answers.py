"""The first lines of a report as findings: what came out, and what to know before believing it.

A study's `answers` names which of `ANSWERS` it gives, in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leukolab.base.errors import SpecError, nearest
from leukolab.base.findings import Finding
from leukolab.results.members import Member
from leukolab.results.predictions import Results
from leukolab.results.records import Against, AnswersRecord, ChosenRecord
from leukolab.results.scores import by_summary
from leukolab.spec import load_study, study_names
from leukolab.splits.leakage import FEW_TEST_GROUPS

NEW_SUBJECTS = {"none": "unseen", "not-searched": "unsearched"}
"""Leakage labels of splits with no subject on two sides, and how their test images are spoken of."""


@dataclass(frozen=True)
class Facts:
    """What the findings are made of."""

    results: Results
    scores: pd.DataFrame
    members: Sequence[Member]
    chosen: ChosenRecord

    @property
    def offered(self) -> Member:
        """The model offered for use."""
        return next(one for one in self.members if one.member == self.chosen.member)

    @property
    def kind_of_test(self) -> str:
        """Who the test images of the chosen model come from.

        Such as were `unseen`; unseen by their names alone (`unsearched`); unknown ones (`images`); or `leaky`.
        """
        head = self.results.splits[self.offered.protocol].head
        if head.leakage in NEW_SUBJECTS and self.chosen.chosen_on != "test":
            return NEW_SUBJECTS[head.leakage]
        return "leaky" if self.results.subjects_known else "images"

    @property
    def unit(self) -> str:
        """What the first lines count alike: subjects where the test holds none that was trained on, else images."""
        return "subject" if self.kind_of_test in NEW_SUBJECTS.values() else "image"

    def score(self, member: str, metric: str, unit: str) -> dict[str, float]:
        """Value, low and high of a test score; empty where there is none."""
        mine = self.scores[(self.scores["member"] == member) & (self.scores["role"] == "test")]
        mine = mine[(mine["metric"] == metric) & (mine["unit"] == unit)]
        return {name: float(mine[name].iloc[0]) for name in ("value", "low", "high")} if len(mine) else {}

    def number(self, member: str, metric: str, unit: str) -> float | None:
        """A test score, None where there is none."""
        return self.score(member, metric, unit).get("value")


def answers(results: Results, scores: pd.DataFrame, members: Sequence[Member], chosen: ChosenRecord) -> AnswersRecord:
    """The findings at the head of the report."""
    facts = Facts(results, scores, members, chosen)
    lines = [finding for name in results.spec.report.answers for finding in answer_of(name)(facts)]
    return AnswersRecord(headline=tuple(lines), warnings=tuple(_warnings(facts)))


def answer_of(name: str) -> Callable[[Facts], Iterator[Finding]]:
    """What gives the answer of that name.

    Raises:
        SpecError: there is none; the nearest is named.
    """
    if name not in ANSWERS:
        raise SpecError(
            f"report.answers: '{name}' is not known. {nearest(name, ANSWERS)}", settings=("report.answers",)
        )
    return ANSWERS[name]


def _answer(code: str, **values: Any) -> Finding:
    return Finding(f"answer.{code}", "info", values)


def _paper(facts: Facts) -> Iterator[Finding]:
    """The paper's figure beside what the shortcut probe reaches on its kind of split, on the paper's own data."""
    spec = facts.results.spec
    paper = spec.published_here
    published = [name for name, one in spec.active_protocols.items() if one.stance == "published"]
    rivals = [one for one in facts.members if one.kind == "summary" and one.method == "colour"]
    mine = [one for one in rivals if one.protocol in published]
    if paper is None or not mine:
        return
    colour = facts.number(mine[0].member, "accuracy", "image")
    if colour is not None:
        side = "below" if round(colour, 3) >= paper.test_accuracy else "above"
        yield _answer(f"paper_{side}", paper=paper.test_accuracy, colour=colour)


def _readings(facts: Facts) -> Iterator[Finding]:
    """Each reading under each protocol beside the shortcut probe on the same splits."""
    results = facts.results
    summaries = [one for one in facts.members if one.kind == "summary"]
    pairs = list(by_summary(results.models, summaries))
    for reading in results.spec.readings:
        for protocol, settings in results.spec.active_protocols.items():
            mine = [pair for pair in pairs if (pair[0].reading, pair[0].protocol) == (reading, protocol)]
            for summary, models in mine:
                once = len(models) == 1
                score = facts.score(models[0].member if once else summary.member, "accuracy", "image")
                rate = models[0].learning_rate if len(mine) > 1 else None
                colour, splits = _colour_of(facts, protocol, reading)
                code = f"{'once' if once else 'reading'}_{settings.stance}"
                if once and math.isnan(score["low"]):
                    code = f"alone_{settings.stance}"
                yield _answer(code, method=reading, rate=rate, colour=colour, splits=splits, **score)


def _colour_of(facts: Facts, protocol: str, reading: str) -> tuple[float, int]:
    """Mean accuracy of the shortcut probe on the very splits of a reading, and how many these are."""
    results = facts.results
    outers = {model.outer for model in results.models if (model.protocol, model.reading) == (protocol, reading)}
    mine = [one for one in results.rivals if one.method == "colour" and one.protocol == protocol]
    values = [facts.number(one.member, "accuracy", "image") for one in mine if one.outer in outers]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan"), len(values)


def _offered(facts: Facts) -> Iterator[Finding]:
    """The pooled result where there is one, then the model offered for use; else that one alone."""
    yield from (_together(facts) if facts.chosen.pooled is not None else _one_part(facts))


def _together(facts: Facts) -> Iterator[Finding]:
    """What each outer part chose, on all test images of all outer parts."""
    pooled = facts.chosen.pooled
    if pooled is None:
        return
    yield _answer(
        f"together_{facts.kind_of_test}",
        role=facts.chosen.chosen_on,
        images=pooled.images,
        groups=pooled.groups,
        parts=list(pooled.parts) if len(pooled.parts) < pooled.of else None,
        count=pooled.of,
        auc=facts.number(pooled.member, "auc", facts.unit),
        image=facts.number(pooled.member, "balanced_accuracy", "image"),
        **facts.score(pooled.member, "balanced_accuracy", facts.unit),
    )
    yield _rivals(facts, pooled.against)
    member = facts.offered
    images = len(facts.results.image_ids(member, "test"))
    score = facts.score(member.member, "balanced_accuracy", facts.unit)
    yield _answer(f"offered_{facts.unit}", outer=member.outer, member=member.member, images=images, **score)


def _one_part(facts: Facts) -> Iterator[Finding]:
    member, results = facts.offered, facts.results
    yield _answer(
        f"chosen_{facts.kind_of_test}",
        role=facts.chosen.chosen_on,
        member=member.member,
        images=len(results.image_ids(member, "test")),
        groups=len(set(results.groups_of(member, "test"))),
        auc=facts.number(member.member, "auc", facts.unit),
        image=facts.number(member.member, "balanced_accuracy", "image"),
        **facts.score(member.member, "balanced_accuracy", facts.unit),
    )
    yield _rivals(facts, facts.chosen.against)


def _rivals(facts: Facts, against: Sequence[Against]) -> Finding:
    """The chosen model against its simple rivals, the strongest of which comes first."""
    worse, same = ([row for row in against if row.answer == answer] for answer in ("worse", "same"))
    row = [*worse, *same, *against][0]
    verdict = "worse" if worse else "better" if not same else "same" if row is against[0] else "partly"
    untested = row.answer in ("too_few", "no_test")
    rival = next(one for one in facts.members if one.member == row.rival)
    values = {name: getattr(row, name) for name in ("difference", "low", "high", "mdd")}
    return _answer(
        "rival_untested" if untested else f"rival_{verdict}",
        rival=facts.results.shortcut if rival.method == "colour" else rival.method,
        value=facts.number(row.rival, "balanced_accuracy", "subject" if facts.results.subjects_known else "image"),
        **(values | ({"finding": row.notes[0].as_json()} if untested else {})),
    )


def _warnings(facts: Facts) -> Iterator[Finding]:
    results, chosen, pooled = facts.results, facts.chosen, facts.chosen.pooled
    for protocol, split in results.splits.items():
        together = pooled is not None and protocol == facts.offered.protocol
        for finding in split.head.findings:
            if not (together and finding.code == FEW_TEST_GROUPS):
                yield _of_protocol(protocol, finding)
        if together and pooled is not None and pooled.few is not None:
            yield _of_protocol(protocol, pooled.few)
    if not (chosen.claim and (pooled is None or pooled.claim)):
        yield Finding("answer.no_claim", "warning", {"role": chosen.chosen_on})
    yield from _stand_ins(facts)


def _of_protocol(protocol: str, finding: Finding) -> Finding:
    return Finding("answer.of_protocol", finding.severity, {"protocol": protocol, "finding": finding.as_json()})


def _stand_ins(facts: Facts) -> Iterator[Finding]:
    """Where a shipped design runs with another network, or on other data, than it was published for."""
    spec = facts.results.spec
    design = load_study(spec.name) if spec.name in study_names() else None
    if design is None or not design.source:
        return
    if design.model.backbone.partition(".")[0] != spec.model.backbone.partition(".")[0]:
        values = {"used": spec.model.backbone, "meant": design.model.backbone}
        yield Finding("answer.stand_in", "warning", values)
    if design.data.card != spec.data.card:
        yield Finding("answer.other_data", "warning", {"used": spec.data.card, "meant": design.data.card})


ANSWERS: dict[str, Callable[[Facts], Iterator[Finding]]] = {
    "published_figure": _paper,
    "readings": _readings,
    "offered": _offered,
}
"""What a study may answer at the head of its report."""

"""The first lines of a report as findings: what came out, and what to know before believing it.

A study's `answers` names which of `ANSWERS` it gives, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from leukolab.base.errors import SpecError, nearest
from leukolab.base.findings import Finding
from leukolab.cards import get_card
from leukolab.results.design import design_of, network
from leukolab.results.facts import Facts, answer
from leukolab.results.headline import first_lines, offered_line, tested
from leukolab.results.questions import UNTESTED, question_lines
from leukolab.results.readings import reading_lines
from leukolab.results.records import Against, AnswersRecord
from leukolab.splits.leakage import FEW_TEST_GROUPS


def answers(facts: Facts) -> AnswersRecord:
    """The findings at the head of the report."""
    lines = [finding for name in facts.results.spec.report.answers for finding in answer_of(name)(facts)]
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


def _paper(facts: Facts) -> Iterator[Finding]:
    """The paper's figure beside what the shortcut probe reaches on its kind of split, on the paper's own data."""
    spec = facts.results.spec
    paper = spec.published_here
    published = [name for name, one in spec.active_protocols.items() if one.stance == "published"]
    rivals = [one for one in facts.members if one.kind == "summary" and one.method == SHORTCUT]
    mine = [one for one in rivals if one.protocol in published]
    if paper is None or not mine:
        return
    colour = facts.number(mine[0].member, "accuracy", "image")
    if colour is not None:
        seen = round(colour, len(str(paper.test_accuracy).partition(".")[2]))
        side = "below" if seen > paper.test_accuracy else "above" if seen < paper.test_accuracy else "same"
        yield answer(f"paper_{side}", paper=paper.test_accuracy, colour=colour, rival=facts.results.shortcut)


def _offered(facts: Facts) -> Iterator[Finding]:
    """What the model offered is worth: of all outer parts together where they were pooled, else of its own."""
    pooled = facts.chosen.pooled
    member = facts.offered if pooled is None else facts.named(pooled.member)
    yield from first_lines(facts, member)
    yield _rivals(facts, facts.chosen.against if pooled is None else pooled.against)
    yield tested(facts, member)
    if pooled is not None:
        yield offered_line(facts)


def _rivals(facts: Facts, against: Sequence[Against]) -> Finding:
    """The chosen model against its simple rivals, the strongest of which comes first."""
    worse, same = ([row for row in against if row.answer == side] for side in ("worse", "same"))
    row = [*worse, *(row for row in against if row.answer in UNTESTED), *same, *against][0]
    verdict = "worse" if worse else "better" if not same else "same" if row is against[0] else "partly"
    untested = row.answer in UNTESTED
    rival = next(one for one in facts.members if one.member == row.rival)
    values = {name: getattr(row, name) for name in ("difference", "low", "high", "p_holm", "mdd")}
    return answer(
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
    """Where a published design runs with another network, or on other data, than it was published for."""
    spec = facts.results.spec
    design = design_of(spec)
    if design is None:
        return
    if network(design) != network(spec):
        values = {"used": spec.model.backbone, "meant": design.model.backbone}
        yield Finding("answer.stand_in", "warning", values)
    if design.data.card != spec.data.card:
        meant = get_card(design.data.card).title
        yield Finding("answer.other_data", "warning", {"used": facts.results.folder.card.title, "meant": meant})


SHORTCUT = "colour"
"""What the shortcut probe is called among the rivals."""

ANSWERS: dict[str, Callable[[Facts], Iterator[Finding]]] = {
    "published_figure": _paper,
    "readings": reading_lines,
    "offered": _offered,
    "questions": question_lines,
}
"""What a study may answer at the head of its report."""

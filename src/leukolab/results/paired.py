"""Differences on test parts, by subject: which of them may be tested, and a member against its rivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from leukolab.base.findings import Finding
from leukolab.results.predictions import Results
from leukolab.results.ranking import Scored
from leukolab.results.records import Against
from leukolab.stats import Answer, Recalls, answer_together, subject_recalls


def barred(results: Results, protocol: str) -> Finding | None:
    """Why differences under a protocol are not tested; None where they are.

    A test counts subjects: they must be known, and none may stand on two sides of the split. What the test part itself
    chose or weighed is not tested on it.
    """
    if not results.subjects_known:
        return Finding("test.unknown_subjects", "info")
    if results.splits[protocol].head.leakage == "known":
        return Finding("test.leaky_split", "info")
    if chooses_on_test(results, protocol):
        return Finding("test.chosen_on_test", "info")
    return None


def chooses_on_test(results: Results, protocol: str) -> bool:
    """Whether the test part names champions under a protocol, or gives ensembles their weights."""
    settings = results.spec.active_protocols[protocol]
    return settings.champion_on == "test" or (results.spec.ensembles is not None and settings.weights_on == "test")


def recalls_of(results: Results, members: Mapping[str, Scored], groups_n: NDArray[np.str_]) -> Recalls:
    """Recalls by subject of members on the same images; as of one subject where subjects are unknown.

    Args:
        members: name to what was predicted. groups_n: identity group of each image (n,).
    """
    labels_n, _, copies_n = next(iter(members.values()))
    probs = {name: scored.probs_nk for name, scored in members.items()}
    units_n = groups_n if results.subjects_known else np.zeros(len(groups_n), dtype=np.int64)
    return subject_recalls(labels_n, probs, copies_n, units_n)


def against(
    recalls: Recalls, member: str, rivals: Sequence[str], why_not: Finding | None, seed: int
) -> tuple[Against, ...]:
    """Balanced accuracy of a member minus that of each rival, the strongest rival first.

    Args:
        why_not: from `barred`.
    """
    answers = answer_together(recalls, [((member,), (rival,)) for rival in rivals], barred=why_not, seed=seed)
    rows = [_against(rival, answer) for rival, answer in zip(rivals, answers, strict=True)]
    return tuple(sorted(rows, key=lambda row: row.difference))


def _against(rival: str, answer: Answer) -> Against:
    tested = answer.p_value == answer.p_value
    numbers = {name: getattr(answer, name) for name in ("low", "high", "p_holm", "mdd")} if tested else {}
    return Against(rival=rival, difference=answer.difference, answer=answer.answer, notes=answer.notes, **numbers)

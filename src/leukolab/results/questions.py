"""The research questions of a study that mixes, each answered in one sentence from its hypotheses."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from leukolab.base.findings import Finding, findings_from_text
from leukolab.results.facts import Facts, answer
from leukolab.results.members import ALL_PARTS

QUESTIONS = {"rate": ("H1",), "scenario": ("H2", "H3"), "scheme": ("H4",)}
"""Question to the hypotheses that answer it."""
UNTESTED = ("too_few", "no_test")
"""Answers of comparisons that were not tested."""
DECIDED = ("better", "worse")
"""Answers that tell two sides apart."""


def question_lines(facts: Facts) -> Iterator[Finding]:
    """One sentence per question, of the protocol that is to be believed and all outer parts together if pooled."""
    table = facts.hypotheses
    if table.empty:
        return
    table = table[table["protocol"] == facts.results.spec.believed_protocol]
    table = table[table["outer"] == table["outer"].min()] if ALL_PARTS not in set(table["outer"]) else _together(table)
    for question, hypotheses in QUESTIONS.items():
        rows = table[table["hypothesis"].isin(hypotheses) & (table["answer"] != "nothing")]
        yield answer_to(question, rows)
    yield from _how_far(facts, table)


def _how_far(facts: Facts, table: pd.DataFrame) -> Iterator[Finding]:
    """What bounds the answers that were given: trained models alone, or no question of the study's own."""
    decided = table[table["answer"].isin(DECIDED)]
    notes = {one.code for text in decided["note"] for one in findings_from_text(str(text))}
    if "test.exploratory" in notes:
        yield answer("questions_exploratory", primary=facts.results.spec.report.primary_question)
    if "test.these_models" in notes:
        yield answer("questions_these_models")


def _together(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["outer"] == ALL_PARTS]


def answer_to(question: str, rows: pd.DataFrame) -> Finding:
    """The answer of one question from its comparisons.

    Args:
        rows: of the table of hypotheses; none that had nothing to compare.
    """
    if rows.empty:
        return answer("question_nothing", question=question)
    if rows["answer"].isin(UNTESTED).all():
        notes = [one for text in rows["note"] for one in findings_from_text(str(text))]
        return answer("question_open", question=question, finding=notes[0].as_json())
    decided = rows[rows["answer"].isin(DECIDED)]
    if decided.empty:
        rows = rows[~rows["answer"].isin(UNTESTED)]
        largest = rows.iloc[int(rows["difference"].abs().to_numpy().argmax())]
        return answer("question_none", question=question, **_ordered(largest), mdd=float(largest["mdd"]))
    found = [answer("better_than", **_ordered(row)).as_json() for _, row in decided.iterrows()]
    whole = "all" if len(decided) == len(rows) else "some"
    return answer(f"question_{whole}", question=question, found=found)


def _ordered(row: pd.Series) -> dict[str, object]:
    """Both sides, the better one first, and by how much it is better."""
    first, second = (findings_from_text(str(row[side]))[0].as_json() for side in ("first", "second"))
    difference = float(row["difference"])
    if difference < 0:
        first, second = second, first
    return {"first": first, "second": second, "difference": abs(difference)}

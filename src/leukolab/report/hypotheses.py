"""The answers to the hypotheses in words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from leukolab.report.texts import Texts


def in_words(table: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """The table of hypotheses with `comparison` and `sentence` instead of the codes `first`, `second` and `answer`."""
    rows = table.to_dict("records")
    worded = table.assign(
        comparison=[comparison(row, texts) for row in rows], sentence=[sentence(row, texts) for row in rows]
    )
    begin = ["hypothesis", "comparison", "difference", "low", "high", "p_value", "p_holm", "mdd", "sentence"]
    return worded[begin + [name for name in table.columns if name not in (*begin, "first", "second", "answer", "note")]]


def comparison(row: Mapping[Hashable, Any], texts: Texts) -> str:
    """What was compared, such as `weights by F1 minus weights by kappa`; empty where there was nothing."""
    if row["answer"] == "nothing":
        return ""
    return texts("findings.hypothesis.difference", first=_side(row, "first", texts), second=_side(row, "second", texts))


def sentence(row: Mapping[Hashable, Any], texts: Texts) -> str:
    """The answer with its numbers and notes; of H2 also the part that chose the ensemble."""
    first = _side(row, "first", texts)
    answered = answer(row, first[:1].upper() + first[1:], _side(row, "second", texts), texts)
    said = [answered, texts.findings(str(row["note"]))]
    if row["hypothesis"] == "H2" and row.get("picked_on"):
        said.append(texts("findings.hypothesis.picked_on", parts=str(row["picked_on"]).split(", ")))
    return " ".join(sentence for sentence in said if sentence)


def answer(row: Mapping[Any, Any], first: str, second: str, texts: Texts) -> str:
    """The answer to one difference, such as `A is better than B (difference ...)`.

    Args:
        row: difference, low, high, p_holm, mdd and answer, as in `stats.Answer`.
    """
    numbers = {name: float(row[name]) for name in ("difference", "low", "high", "mdd")}
    p = p_in_words(float(row["p_holm"]), texts)
    return texts(f"findings.hypothesis.{row['answer']}", first=first, second=second, p=p, **numbers)


def p_in_words(p_value: float, texts: Texts) -> str:
    """Such as `p 0.012`, never nought."""
    return texts("findings.hypothesis." + ("p_small" if p_value < 0.001 else "p"), p_holm=p_value)


def _side(row: Mapping[Hashable, Any], name: str, texts: Texts) -> str:
    return texts.findings(str(row[name]))

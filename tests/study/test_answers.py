"""What the first lines of a report may say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from leukolab.report.texts import load_texts
from leukolab.study.answers import Facts, _rivals


def row(name: str, low: float, high: float) -> dict[str, Any]:
    return {"rival": f"rival:{name}:corrected:outer1", "difference": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (
            [row("features", 0.02, 0.07), row("colour", 0.05, 0.2)],
            "better than both simple rivals; the better of these",
        ),
        (
            [row("features", -0.01, 0.07), row("colour", 0.05, 0.2)],
            "cannot be distinguished from the better of its",
        ),
        ([row("features", 0.02, 0.07), row("colour", -0.01, 0.22)], "but cannot be distinguished from the other, size"),
        ([row("colour", -0.2, -0.1), row("features", -0.01, 0.2)], "It is worse than a simple rival: size"),
        ([row("features", -0.2, 0.01), row("colour", -0.09, -0.08)], "It is worse than a simple rival: size"),
    ],
)
def test_better_than_both_is_said_where_it_is_better_than_each(against: list[dict[str, Any]], said: str) -> None:
    scores = pd.DataFrame(
        [
            {"member": one["rival"], "role": "test", "metric": "balanced_accuracy", "unit": "image"}
            | {"value": 0.7, "low": 0.6, "high": 0.8}
            for one in against
        ]
    )
    results: Any = SimpleNamespace(shortcut_kind="size and colour")
    sentence = _rivals(Facts(results, scores, {}, load_texts("en")), against)
    assert said in sentence
    assert ("has not earned its place" in sentence) == ("better than both" not in said)

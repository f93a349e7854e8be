"""What the first lines of a report are made of: scores, members and the choice of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from leukolab.base.findings import Finding
from leukolab.results.members import Member
from leukolab.results.paired import chooses_on_test
from leukolab.results.predictions import Results
from leukolab.results.records import ChosenRecord

NEW_SUBJECTS = ("unseen", "unsearched")
"""Kinds of tests that are of subjects who were not trained on, as far as is known."""


@dataclass(frozen=True)
class Facts:
    """What the findings are made of."""

    results: Results
    scores: pd.DataFrame
    members: Sequence[Member]
    chosen: ChosenRecord
    hypotheses: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def offered(self) -> Member:
        """The model offered for use."""
        return next(one for one in self.members if one.member == self.chosen.member)

    @property
    def kind_of_test(self) -> str:
        """Who the test images of the chosen model come from.

        `unseen` subjects; subjects whose names alone were unseen, as near-twins were not looked for (`unsearched`);
        `leaky` ones, whose other images were trained on; `unknown` ones; or `picked`: those of
        the part that also chose the model, or weighed what it is mixed of.
        """
        head = self.results.splits[self.offered.protocol].head
        if not self.results.subjects_known:
            return "unknown"
        if head.leakage == "known":
            return "leaky"
        if chooses_on_test(self.results, self.offered.protocol):
            return "picked"
        return "unseen" if head.leakage == "none" else "unsearched"

    @property
    def unit(self) -> str:
        """What the first lines count alike: subjects where the test holds none that was trained on, else images."""
        return "subject" if self.kind_of_test in NEW_SUBJECTS else "image"

    def score(self, member: str, metric: str, unit: str) -> dict[str, float]:
        """Value, low and high of a test score; empty where there is none."""
        mine = self.scores[(self.scores["member"] == member) & (self.scores["role"] == "test")]
        mine = mine[(mine["metric"] == metric) & (mine["unit"] == unit)]
        return {name: float(mine[name].iloc[0]) for name in ("value", "low", "high")} if len(mine) else {}

    def number(self, member: str, metric: str, unit: str) -> float | None:
        """A test score, None where there is none."""
        return self.score(member, metric, unit).get("value")

    def made(self, member: str, metric: str, unit: str) -> str:
        """How the interval of a test score was made, as findings in text form; empty where there is none."""
        mine = self.scores[(self.scores["member"] == member) & (self.scores["role"] == "test")]
        texts = mine[(mine["metric"] == metric) & (mine["unit"] == unit)]["interval"]
        return str(texts.iloc[0]) if len(texts) else ""

    def named(self, member: str) -> Member:
        """A member by its name."""
        return next(one for one in self.members if one.member == member)

    def parts(self, member: Member) -> list[Member]:
        """Who stands for a member on each outer part: itself, or the sources of a pooled one."""
        return [self.named(name) for name in member.sources] if member.kind == "pooled" else [member]


def answer(code: str, **values: Any) -> Finding:
    """A finding of the first lines."""
    return Finding(f"answer.{code}", "info", values)

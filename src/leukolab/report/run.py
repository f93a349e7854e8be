"""What a report shows of a run: settings, records and tables, each read once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.results.records import AnswersRecord, ArchitectureRecord, CardRecord, ChosenRecord, EnvironmentRecord
from leukolab.spec import StudySpec
from leukolab.splits import SplitHead

FACTS = ("protocol", "outer", "kind", "reading", "method", "scenario", "scheme", "pools")
"""Facts of members that stand beside their scores."""


@dataclass(frozen=True)
class Run:
    """A finished run as its report shows it. Tables of members carry the columns `FACTS` too."""

    folder: RunFolder
    spec: StudySpec
    card: CardRecord
    environment: EnvironmentRecord
    architecture: ArchitectureRecord
    chosen: ChosenRecord
    answers: AnswersRecord
    shortcut: str
    """What the second rival sees: `colour`, or `size_and_colour`."""
    heads: dict[str, SplitHead]
    """Protocol to the head of its split."""
    members: dict[str, Member]
    index: pd.DataFrame
    groups: pd.DataFrame
    jobs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    scores: pd.DataFrame
    confusion: pd.DataFrame
    curves: pd.DataFrame
    class_report: pd.DataFrame
    hypotheses: pd.DataFrame
    subjects: pd.DataFrame
    shifts: pd.DataFrame
    composition: pd.DataFrame

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return list(self.card.class_names)

    @property
    def protocols(self) -> list[str]:
        """Protocols that were run, those that reproduce what was published first."""
        found = list(dict.fromkeys(self.jobs["protocol"].astype(str)))
        return sorted(found, key=lambda name: not self.reproduces(name))

    @property
    def begun_with(self) -> str:
        """Whether the network began with `trained` weights or `drawn` ones."""
        none = "none" in (self.spec.model.weights, self.architecture.weights.get("source"))
        return "drawn" if none else "trained"

    @property
    def mixes(self) -> bool:
        """Whether the study mixes its models into ensembles."""
        return self.spec.ensembles is not None

    def reproduces(self, protocol: str) -> bool:
        """Whether a protocol reproduces what was published, to be compared; else it is corrected, to be believed."""
        return self.spec.protocols[protocol].stance == "published"

    def of_kind(self, *kinds: str, protocol: str = "", outer: int | None = None) -> list[Member]:
        """Members of these kinds, of one protocol and outer part where given, in the order of the table."""
        return [
            one
            for one in self.members.values()
            if one.kind in kinds and protocol in ("", one.protocol) and (outer is None or one.outer == outer)
        ]


def without_folders(settings: Any) -> Any:
    """Settings as they may be shown: of files of the user's own the name alone."""
    if isinstance(settings, dict):
        return {
            name: _last_name(value) if name in ("file", "accept") and isinstance(value, str) else without_folders(value)
            for name, value in settings.items()
        }
    if isinstance(settings, list):
        return [without_folders(value) for value in settings]
    if isinstance(settings, str) and settings.startswith("file:"):
        return f"file:{_last_name(settings.removeprefix('file:'))}"
    return settings


def _last_name(path: str) -> str:
    return re.split(r"[\\/]", path)[-1]


def read_run(folder: RunFolder) -> Run:
    """Read what the report shows of a run.

    Raises:
        RunError: the folder is not that of a finished run, or a table lacks a column.
    """
    if not folder.path.is_dir():
        raise RunError(
            f"{folder.path}: expected the folder of a run, found none. Give the folder that the run was written to."
        )
    members = folder.member_list()
    facts = facts_of(members.values())
    return Run(
        folder=folder,
        spec=folder.spec,
        card=folder.card,
        environment=folder.environment,
        architecture=folder.architecture,
        chosen=folder.chosen,
        answers=folder.answers,
        shortcut=folder.rivals_record.shortcut,
        heads={name: split.head for name, split in folder.splits().items()},
        members=members,
        index=folder.index,
        groups=folder.groups,
        jobs=folder.jobs,
        history=folder.history,
        predictions=folder.predictions,
        scores=folder.scores.merge(facts, on="member", how="left"),
        confusion=folder.confusion.merge(facts, on="member", how="left"),
        curves=folder.curves,
        class_report=folder.class_report.merge(facts, on="member", how="left"),
        hypotheses=folder.hypotheses,
        subjects=folder.subjects,
        shifts=folder.shifts,
        composition=folder.composition,
    )


def facts_of(members: Iterable[Member]) -> pd.DataFrame:
    """member and `FACTS`, one row per member."""
    rows = [{name: getattr(one, name) for name in ("member", *FACTS)} for one in members]
    return pd.DataFrame(rows, columns=["member", *FACTS])

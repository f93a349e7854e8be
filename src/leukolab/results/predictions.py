"""The predictions of a run as arrays: what every score is a function of (predictions, split, members)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.base.findings import Finding
from leukolab.base.keys import digest
from leukolab.results.calls import probabilities
from leukolab.results.ensembles import mixed
from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.results.ranking import Scored
from leukolab.spec import StudySpec
from leukolab.splits import ROLES, Split
from leukolab.stats import Replicates, make_replicates


@dataclass
class Results:
    """A run's tables, and the arrays of each member and role, made once."""

    folder: RunFolder
    spec: StudySpec
    class_names: tuple[str, ...]
    subjects_known: bool
    groups: dict[str, str]
    splits: dict[str, Split]
    models: tuple[Member, ...]
    rivals: tuple[Member, ...]
    tables: dict[tuple[str, str], pd.DataFrame]
    """(member, role) to its predictions by image_id; of models and rivals."""
    shortcut: str
    _replicates: dict[tuple[str, int, str], Replicates] = field(default_factory=dict)
    _scored: dict[tuple[str, str], Scored] = field(default_factory=dict)

    def scored(self, member: Member, role: str) -> Scored:
        """Labels (n,), probabilities (n, k) and copies (n,) of a member on its images of a role, by image_id.

        Raises:
            DataError: an ensemble whose sources were not asked about the same images.
        """
        key = (member.member, role)
        if key not in self._scored:
            self._scored[key] = self._mixed(member, role) if member.sources else self._read(member, role)
        return self._scored[key]

    def roles(self, member: Member) -> tuple[str, ...]:
        """Roles the member has predictions of; of an ensemble, those that its sources share images of."""
        if member.sources:
            return tuple(role for role in ("tuning", "test") if (member.sources[0], role) in self.tables)
        return tuple(role for role in ROLES if (member.member, role) in self.tables)

    def image_ids(self, member: Member, role: str) -> list[str]:
        """Names of the images of `scored`, in its order."""
        return [str(name) for name in self.tables[self._first(member), role]["image_id"]]

    def groups_of(self, member: Member, role: str) -> NDArray[Any]:
        """Identity group of each image of `scored`, (n,)."""
        return np.array([self.groups[name] for name in self.image_ids(member, role)])

    def replicates(self, member: Member, role: str) -> Replicates:
        """Replicates shared by all members on the same part."""
        labels_n = self.tables[self._first(member), role]["label"].to_numpy()
        return self.replicates_on(member.protocol, member.outer, self.image_ids(member, role), labels_n)

    def replicates_on(self, protocol: str, outer: int, image_ids: Sequence[str], labels_n: NDArray[Any]) -> Replicates:
        """Replicates shared by all that is scored on these images; no intervals where subjects stand on two sides."""
        key = (protocol, outer, digest(list(image_ids)))
        if key not in self._replicates:
            groups_n = np.array([self.groups[name] for name in image_ids])
            leaks = self.splits[protocol].head.leakage == "known"
            self._replicates[key] = make_replicates(
                labels_n.astype(np.int64),
                groups_n,
                self.spec.bootstrap,
                self.spec.seed,
                self.subjects_known,
                Finding("interval.two_sides", "warning") if leaks else None,
            )
        return self._replicates[key]

    def outer_parts(self) -> dict[tuple[str, int], tuple[Member, ...]]:
        """(protocol, outer part) to its models, in their order."""
        parts: dict[tuple[str, int], tuple[Member, ...]] = {}
        for model in self.models:
            place = model.protocol, model.outer
            parts[place] = (*parts.get(place, ()), model)
        return parts

    def rivals_of(self, member: Member) -> list[Member]:
        """The simple rivals of the outer part of a member."""
        return [one for one in self.rivals if (one.protocol, one.outer) == (member.protocol, member.outer)]

    def _first(self, member: Member) -> str:
        """Whose table tells the images of a member."""
        return member.sources[0] if member.sources else member.member

    def _read(self, member: Member, role: str) -> Scored:
        table = self.tables[member.member, role]
        part = self.splits[member.protocol].part(member.outer, member.fold, role)
        copies_n = part.set_index("image_id")["copies"].reindex(table["image_id"]).to_numpy(np.float64)
        return Scored(table["label"].to_numpy(np.int64), probabilities(table), np.nan_to_num(copies_n, nan=0.0))

    def _mixed(self, member: Member, role: str) -> Scored:
        models = {model.member: model for model in self.models}
        return mixed(member, [self.scored(models[name], role) for name in member.sources], role)


def read_results(folder: RunFolder) -> Results:
    """Read what a run has written.

    Raises:
        RunError: a file is missing or damaged.
    """
    card, groups, record = folder.card, folder.groups, folder.rivals_record
    models = tuple(models_of(folder.jobs))
    rivals = tuple(
        Member(one.member, "rival", one.protocol, one.outer, method=one.method)
        for one in sorted(record.members, key=lambda rival: rival.member)
    )
    predictions = folder.predictions
    predictions = predictions[predictions["member"].isin([one.member for one in (*models, *rivals)])]
    predictions = predictions.sort_values(["member", "role", "image_id"])
    tables = {(str(key[0]), str(key[1])): table for key, table in predictions.groupby(["member", "role"])}
    return Results(
        folder=folder,
        spec=folder.spec,
        class_names=card.class_names,
        subjects_known=card.subjects_known,
        groups=dict(zip(groups["image_id"], groups["group"], strict=True)),
        splits=folder.splits(),
        models=models,
        rivals=rivals,
        tables=tables,
        shortcut=record.shortcut,
    )


def models_of(jobs: pd.DataFrame) -> Iterable[Member]:
    """The models of a table of jobs, in its order."""
    for row in jobs.to_dict("records"):
        yield Member(
            member=str(row["job"]),
            kind="model",
            protocol=str(row["protocol"]),
            outer=int(row["outer"]),
            fold=int(row["fold"]),
            reading=str(row["reading"]),
            method=str(row["method"]),
            learning_rate=None if pd.isna(row["learning_rate"]) else float(row["learning_rate"]),
            seed=int(row["seed"]),
        )

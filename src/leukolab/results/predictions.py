"""The predictions of a run as arrays: what every score is a function of (predictions, split, jobs)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table
from leukolab.base.keys import digest
from leukolab.results import Scored
from leukolab.spec import StudySpec
from leukolab.splits import Split, read_split
from leukolab.stats import Bootstrap, make_bootstrap


@dataclass(frozen=True)
class Place:
    """Where a member belongs: protocol, outer part, and fold (1 where it has none of its own)."""

    protocol: str
    outer: int
    fold: int = 1


@dataclass
class Results:
    """A run's tables, and the arrays of each member and role, made once."""

    run: Path
    spec: StudySpec
    class_names: tuple[str, ...]
    subjects_known: bool
    jobs: pd.DataFrame
    groups: dict[str, str]
    splits: dict[str, Split]
    tables: dict[tuple[str, str], pd.DataFrame]
    shortcut_kind: str
    _bootstraps: dict[tuple[str, int, str], Bootstrap] = field(default_factory=dict)
    _scored: dict[tuple[str, Place, str], Scored] = field(default_factory=dict)

    def scored(self, member: str, place: Place, role: str) -> Scored:
        """Labels (n,), probabilities (n, k) and copies (n,) of a member on its images of a role, by image_id."""
        key = (member, place, role)
        if key not in self._scored:
            table = self.tables[member, role]
            probs_nk = table.filter(regex=r"^p_\d+$").to_numpy(np.float64)
            copies_n = self.copies(place, role, table["image_id"])
            self._scored[key] = Scored(table["label"].to_numpy(np.int64), probs_nk, copies_n)
        return self._scored[key]

    def has(self, member: str, role: str) -> bool:
        """Whether the member has predictions of that role."""
        return (member, role) in self.tables

    def copies(self, place: Place, role: str, image_ids: Any) -> NDArray[np.float64]:
        """How often each image counts in that part, float64 (n,)."""
        part = self.splits[place.protocol].part(place.outer, place.fold, role)
        counts: NDArray[np.float64] = part.set_index("image_id")["copies"].reindex(image_ids).to_numpy(np.float64)
        return np.nan_to_num(counts, nan=0.0)

    def groups_of(self, member: str, role: str) -> NDArray[Any]:
        """Identity group of each image of `scored`, (n,)."""
        return self.tables[member, role]["image_id"].map(self.groups).to_numpy()

    def bootstrap(self, member: str, place: Place, role: str) -> Bootstrap:
        """Replicates shared by all members on the same part."""
        table = self.tables[member, role]
        return self.replicates(place.protocol, place.outer, table["image_id"].tolist(), table["label"].to_numpy())

    def replicates(self, protocol: str, outer: int, image_ids: list[str], labels_n: NDArray[Any]) -> Bootstrap:
        """Replicates shared by all that is scored on these images."""
        key = (protocol, outer, digest(image_ids))
        if key not in self._bootstraps:
            groups_n = np.array([self.groups[name] for name in image_ids])
            self._bootstraps[key] = make_bootstrap(
                labels_n.astype(np.int64), groups_n, self.spec.bootstrap, self.spec.seed, self.subjects_known
            )
        return self._bootstraps[key]


def rival_name(name: str, protocol: str, outer: int) -> str:
    """The member name of a rival."""
    return f"rival:{name}:{protocol}:outer{outer}"


def read_spec(run: Path) -> StudySpec:
    """The settings a run was made with.

    Raises:
        RunError: they are missing, damaged, or those of a version that knows other settings.
    """
    try:
        return StudySpec.model_validate(read_json(run / "spec.json"))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RunError(
            f"{run / 'spec.json'}: expected the settings of a run, found something else at '{where}'."
        ) from error


def read_results(run: Path) -> Results:
    """Read what a run has written.

    Raises:
        RunError: a file is missing or damaged.
    """
    spec = read_spec(run)
    card = read_json(run / "card.json")
    groups = read_table(run / "groups.parquet")
    predictions = read_table(run / "predictions.parquet").sort_values(["job", "role", "image_id"])
    tables = {(str(key[0]), str(key[1])): table for key, table in predictions.groupby(["job", "role"])}
    return Results(
        run=run,
        spec=spec,
        class_names=tuple(card["class_names"]),
        subjects_known=bool(card["subjects_known"]),
        jobs=read_table(run / "jobs.parquet"),
        groups=dict(zip(groups["image_id"], groups["group"], strict=True)),
        splits={name: read_split(run / "split" / name) for name in spec.active_protocols},
        tables=tables,
        shortcut_kind=read_json(run / "rivals.json")["shortcut"],
    )

"""A split: which image plays which role where, and the head that says how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table, write_json, write_table
from leukolab.base.findings import Finding, finding_from
from leukolab.splits.cohort import Array, Cohort

SCHEMA = 3
"""Version of `split.json`. In version 1 findings were sentences, under the key `notes`; until 2 nothing was `searched`
but equal pixels, and the label was `none` all the same.
"""

EQUAL_PIXELS = ("identical_pixels",)
"""What is always looked for: the digests of the pixels tell."""

ROLES = ("train", "validation", "tuning", "test")
"""Every role there is, in the order in which parts are used."""


@dataclass(frozen=True)
class Piece:
    """The images of one role in one fold of one outer part."""

    outer: int
    fold: int
    role: str
    items: Array
    """int64, row numbers of the cohort; a number that comes twice is a copy."""


@dataclass(frozen=True)
class SplitHead:
    """What must be known to judge a split."""

    protocol: str
    kind: str
    by: str
    seed: int
    leakage: str
    """none, known, not-searched (nothing known stands on two sides, but near-twins were not looked for), or
    subjects-unknown.
    """
    data_fingerprint: str
    groups_fingerprint: str
    findings: tuple[Finding, ...] = ()
    """For the reader: few groups, leaks, dropped twins, rules that could not be kept."""
    few_tuning_outer: tuple[int, ...] = ()
    """Outer parts with under 5 tuning groups in a class."""
    few_test_outer: tuple[int, ...] = ()
    """Outer parts with under 20 test groups in a class."""
    searched: tuple[str, ...] = EQUAL_PIXELS
    """Kinds of pairs that were looked for before the groups were made."""


@dataclass(frozen=True)
class Split:
    """The table (outer, fold, role, image_id, copies) and its head."""

    table: pd.DataFrame = field(repr=False)
    head: SplitHead

    @property
    def outers(self) -> tuple[int, ...]:
        """Numbers of the outer parts, ascending."""
        return tuple(int(outer) for outer in sorted(self.table["outer"].unique()))

    @property
    def tests_once(self) -> bool:
        """Whether there are several outer parts whose test parts, put together, hold every image exactly once."""
        rows = self.table[self.table["role"] == "test"]
        tested = rows.loc[rows["fold"] == rows.groupby("outer")["fold"].transform("min"), "image_id"]
        every = self.table["image_id"].nunique()
        return len(self.outers) > 1 and tested.is_unique and len(tested) == every

    @property
    def learned_at_once(self) -> int:
        """Most images that an outer part leaves for training and validation."""
        rows = self.table[self.table["role"].isin(["train", "validation"])]
        return int(rows.groupby("outer")["image_id"].nunique().max())

    def folds(self, outer: int) -> tuple[int, ...]:
        """Numbers of the inner folds of an outer part, ascending."""
        return tuple(int(fold) for fold in sorted(self.table.loc[self.table["outer"] == outer, "fold"].unique()))

    def part(self, outer: int, fold: int, role: str) -> pd.DataFrame:
        """Rows (image_id, copies) of one role of one fold, sorted by image_id; empty where there is none.

        Fold 0: of all folds, each image once.
        """
        rows = self.table[(self.table["outer"] == outer) & (self.table["role"] == role)]
        rows = rows[rows["fold"] == fold] if fold else rows.drop_duplicates("image_id").sort_values("image_id")
        return rows[["image_id", "copies"]].reset_index(drop=True)


def pieces_table(pieces: list[Piece], cohort: Cohort) -> pd.DataFrame:
    """The split table of `pieces`: sorted, with the copies of an image summed within its role."""
    parts = []
    for piece in pieces:
        positions, copies = np.unique(piece.items, return_counts=True)
        head = {"outer": piece.outer, "fold": piece.fold, "role": piece.role}
        parts.append(pd.DataFrame({**head, "image_id": cohort.image_ids_n[positions], "copies": copies}))
    table = pd.concat(parts, ignore_index=True)
    table = table.astype({"outer": "int64", "fold": "int64", "copies": "int64"})
    rank = table["role"].map({role: number for number, role in enumerate(ROLES)})
    ordered = table.assign(rank=rank).sort_values(["outer", "fold", "rank", "image_id"], kind="stable")
    return ordered.drop(columns="rank").reset_index(drop=True)


def write_split(split: Split, folder: Path) -> None:
    """Write `split.parquet` and its head `split.json` into `folder`.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    write_table(folder / "split.parquet", split.table)
    head = {item.name: getattr(split.head, item.name) for item in fields(split.head)}
    found = [finding.as_json() for finding in split.head.findings]
    write_json(folder / "split.json", {"schema": SCHEMA, **head, "findings": found})


def read_split(folder: Path) -> Split:
    """Read what `write_split` wrote.

    Raises:
        RunError: a file is missing, damaged, or written by a newer program.
    """
    raw = read_json(folder / "split.json")
    if raw.pop("schema", 1) > SCHEMA:
        raise RunError(f"{folder / 'split.json'}: written by a newer Leukolab; this one reads up to {SCHEMA}.")
    try:
        head = _head(raw)
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder / 'split.json'}: expected the head of a split, found other keys ({error}).") from error
    return Split(read_table(folder / "split.parquet"), head)


def _head(raw: dict[str, Any]) -> SplitHead:
    """The head in a `split.json` of any version."""
    said = [Finding("split.note", "info", {"note": note}) for note in raw.pop("notes", [])]
    found = [finding_from(record) for record in raw.pop("findings", [])]
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    head = SplitHead(**values | {"findings": (*said, *found)})
    return replace(head, leakage="not-searched") if head.leakage == "none" and "searched" not in raw else head

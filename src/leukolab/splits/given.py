"""Splits made by others: a data set's own folds, and the user's split file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError, RunError, SplitError, nearest
from leukolab.base.files import read_table
from leukolab.cards.tables import read_frame
from leukolab.splits.cohort import Cohort
from leukolab.splits.shuffled import SplitRequest, take_tuning
from leukolab.splits.table import ROLES, Piece

NEEDED = ("train", "validation", "test")
"""Roles without which nothing can be trained, stopped or tested."""
MOST, MOST_COPIES = 10_000, 10_000_000
"""Of a number in a split file, and of its copies in all."""


def official(request: SplitRequest) -> list[Piece]:
    """Each official fold is the test part once and the next one validation; images without a fold take no part.

    Raises:
        SplitError: the data set has under three folds, or the protocol asks for a tuning part.
    """
    folds = sorted(set(request.cohort.official_n[~np.isnan(request.cohort.official_n)]))
    if len(folds) < 3:
        raise SplitError(
            f"{request.where}: expected at least 3 official folds, found {len(folds)}. "
            "This data set has none of its own: choose another split.kind."
        )
    items = request.items()
    pieces = []
    for number, fold in enumerate(folds):
        tested, validated = fold, folds[(number + 1) % len(folds)]
        official_n = request.cohort.official_n[items]
        train = items[~np.isnan(official_n) & (official_n != tested) & (official_n != validated)]
        if request.spec.tuning is not None:
            tuning, train = take_tuning(request, train, request.spec.tuning, number + 1)
            pieces.append(Piece(number + 1, 1, "tuning", tuning))
        pieces.append(Piece(number + 1, 1, "train", train))
        pieces.append(Piece(number + 1, 1, "validation", items[official_n == validated]))
        pieces.append(Piece(number + 1, 1, "test", items[official_n == tested]))
    return pieces


def from_file(request: SplitRequest) -> list[Piece]:
    """The split of a CSV or Parquet file: image_id, role, and outer, fold, copies (each 1 where missing).

    Raises:
        SplitError: the file cannot be read, lacks a column or a role, or names what is not known.
    """
    path = Path(request.spec.file or "")
    table = _checked(_read(path), path, request.cohort)
    position = {image_id: number for number, image_id in enumerate(request.cohort.image_ids_n)}
    _check_folds(table, path)
    pieces = []
    for key, rows in table.groupby(["outer", "fold"], sort=True):
        outer, fold = (int(number) for number in np.asarray(key))
        missing = [role for role in NEEDED if role not in set(rows["role"])]
        if missing:
            raise SplitError(
                f"{path}: outer {outer}, fold {fold}: expected the roles {', '.join(NEEDED)}, found no "
                f"'{missing[0]}'. Give every fold all three."
            )
        for role, own in rows.groupby("role", sort=False):
            items = np.repeat([position[image_id] for image_id in own["image_id"]], own["copies"])
            pieces.append(Piece(outer, fold, str(role), np.sort(items)))
    return pieces


def _check_folds(table: pd.DataFrame, path: Path) -> None:
    """The folds of an outer part share its tuning and test part, and are counted from 1."""
    for outer, rows in table.groupby("outer", sort=True):
        if rows["fold"].min() != 1:
            raise SplitError(
                f"{path}: outer {outer}: expected folds from 1, found the first to be {rows['fold'].min()}."
            )
        for role in ("tuning", "test"):
            own = rows[rows["role"] == role].set_index("fold")
            parts = [own.loc[own.index == fold, ["image_id", "copies"]] for fold in rows["fold"].unique()]
            if len({frozenset(part.itertuples(index=False, name=None)) for part in parts}) > 1:
                raise SplitError(
                    f"{path}: outer {outer}: expected the same {role} part in all its folds, found others. "
                    "Where each fold tests other images, make each an outer part of one fold."
                )


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise SplitError(f"{path}: expected a split file here, found none. Check split.file.")
    try:
        return read_table(path) if path.suffix.lower() == ".parquet" else read_frame(path)
    except (DataError, RunError) as error:
        raise SplitError(str(error)) from error


def _checked(table: pd.DataFrame, path: Path, cohort: Cohort) -> pd.DataFrame:
    for column in ("image_id", "role"):
        if column not in table:
            raise SplitError(f"{path}: expected a column '{column}'. {nearest(column, map(str, table.columns))}")
    if not len(table):
        raise SplitError(f"{path}: expected one row per image and role, found none.")
    for column in ("outer", "fold", "copies"):
        numbers = pd.to_numeric(table[column], errors="coerce") if column in table else pd.Series(1, index=table.index)
        wrong = numbers.isna() | (numbers < 1) | (numbers > MOST) | (numbers % 1 != 0)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            got = table[column].iloc[row]
            raise SplitError(f"{path}: row {row + 1}: {column}: expected a whole number from 1 to {MOST:,}, got {got}.")
        table = table.assign(**{column: numbers.astype("int64")})
    if table["copies"].sum() > MOST_COPIES:
        raise SplitError(f"{path}: copies: expected {MOST_COPIES:,} in all at most, got {table['copies'].sum():,}.")
    unknown = table.loc[~table["role"].isin(ROLES), "role"]
    if len(unknown):
        raise SplitError(f"{path}: role '{unknown.iloc[0]}' is not known. {nearest(str(unknown.iloc[0]), ROLES)}")
    strange = table.loc[~table["image_id"].isin(set(cohort.image_ids_n)), "image_id"]
    if len(strange):
        hint = nearest(str(strange.iloc[0]), list(cohort.image_ids_n)[:5000]) if len(cohort) <= 5000 else ""
        raise SplitError(
            f"{path}: expected image ids of this data set, found {len(strange)} others, such as "
            f"'{strange.iloc[0]}'. {hint}".rstrip()
        )
    return table

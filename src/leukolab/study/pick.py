"""Whose predictions of a table are scored: a table of a run holds those of every model, on every part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from leukolab.base.errors import DataError, nearest
from leukolab.base.findings import Finding
from leukolab.results.folder import RunFolder
from leukolab.results.paired import barred
from leukolab.results.predictions import read_results
from leukolab.results.seals import check_outcome, check_sealed

MODELS = ("member", "job")
"""Columns that tell whose predictions a row holds."""
PARTS = "role"


@dataclass(frozen=True)
class Pick:
    """Whose predictions, and on which part; None for the only ones, of a run for those of the model it offers."""

    member: str | None = None
    role: str | None = None


ALL = Pick()


@dataclass(frozen=True)
class Picked:
    """The predictions of one model on one part."""

    table: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    positive: tuple[str, ...] = ()
    """The classes of the disease, where a run says it."""
    unjudged: Finding | None = None
    """Why a run has no intervals for them."""
    barred: Finding | None = None
    """Why a run does not test differences of them."""


def run_of(path: Path) -> RunFolder | None:
    """The run of whose tables of predictions this is one."""
    path = path.resolve()
    for folder in path.parents:
        if (folder / RunFolder.SETTINGS).is_file() and (folder / RunFolder.card.file).is_file():
            inside = path.relative_to(folder).parts
            tables = (RunFolder.predictions.file,), (RunFolder.rivals.file,)
            ours = inside in tables or (inside[0], inside[2:]) == (RunFolder.JOBS, (RunFolder.JOB_PREDICTIONS,))
            return RunFolder(folder) if ours else None
    return None


def check_run_of(path: Path, run: RunFolder) -> None:
    """See that a table of a run is as the run wrote it.

    Raises:
        RunError: it, or what it was made from, is missing or changed; the sentence names it.
    """
    check_outcome(run)
    if path.resolve().parent.parent.name == RunFolder.JOBS:
        check_sealed(run, path.resolve().parent.name)


def picked(table: pd.DataFrame, path: Path, pick: Pick, run: RunFolder | None) -> Picked:
    """The rows of one model on one part; of a run with its classes, subjects and what holds for its split.

    Raises:
        DataError: several are there and nobody says which, or what was asked for is not there.
    """
    models = next((name for name in table.columns if name in MODELS), None)
    whole = table
    table = _one(table, path, "member", models, pick.member, None if run is None else _offered(run, table, pick))
    table = _one(table, path, "role", PARTS, pick.role, None if run is None else "test")
    if models is None or PARTS not in table or not len(table):
        return Picked(table)
    member, role = str(table[models].iloc[0]), str(table[PARTS].iloc[0])
    several = len(table) < len(whole)
    said = (Finding("read.picked", "info", {"member": member, "role": role}),) if several else ()
    return Picked(table, said) if run is None else _in_words(table, run, member, said)


def _one(
    table: pd.DataFrame, path: Path, what: str, column: str | None, wanted: str | None, default: str | None
) -> pd.DataFrame:
    """The rows that say `wanted`; else those that say `default`; else all, where they say the same."""
    if column is None or column not in table:
        if wanted is None:
            return table
        raise DataError(f"{path}: {what}: expected a column '{column or what}' to find '{wanted}' in, found none.")
    said = table[column].astype(str)
    known = list(dict.fromkeys(said))
    if wanted is not None and wanted not in known:
        raise DataError(f"{path}: {what}: found no '{wanted}'. {nearest(wanted, known)}", settings=(what,))
    if wanted is None and len(known) > 1 and default not in known:
        raise DataError(
            f"{path}: expected the predictions of one {what}, found those of {len(known)} in the column '{column}', "
            f"which hold the same images several times. Set {what} to one of: {_listed(known)}.",
            settings=(what,),
        )
    one = wanted or (default if default in known else None)
    return table if one is None else table[said == one].reset_index(drop=True)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", and {len(names) - 5:,} more" if len(names) > 5 else "")


def _offered(run: RunFolder, table: pd.DataFrame, pick: Pick) -> str | None:
    """The model that a run offers.

    Raises:
        DataError: it has a score on its own outer part and a pooled one over all, and nobody says which is meant.
    """
    member, both = run.offered().member, run.chosen.pooled is not None
    if both and pick.member is None and "member" in table and member in set(table["member"]):
        raise DataError(
            f"{run.path}: expected one reading of its predictions, found two: the model offered, on the images of its "
            f"own outer part (set member={member}), and every outer part pooled, each subject once, as in the report.",
            settings=("member",),
        )
    return member


def _in_words(table: pd.DataFrame, run: RunFolder, member: str, said: tuple[Finding, ...]) -> Picked:
    """Labels and columns by the names of classes, subjects as the run groups them."""
    names, groups = run.class_names, run.groups.set_index("image_id")["group"]
    table = table.rename(columns={f"p_{place}": f"p_{name}" for place, name in enumerate(names)})
    table = table.assign(label=table["label"].map(dict(enumerate(names))))
    if run.card.subjects_known:
        table = table.assign(subject=table["image_id"].map(groups))
    results, protocol = read_results(run), run.member_list()[member].protocol
    leaky = results.splits[protocol].head.leakage == "known"
    why_none = Finding("interval.two_sides", "warning") if leaky else None
    return Picked(table, said, run.classes.positive, why_none, barred(results, protocol))

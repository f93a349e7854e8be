"""The folder of a merged run: what its parts have in common once, everything else of all of them."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import atomic, make_folder, storage
from leukolab.base.keys import digest, file_digest
from leukolab.plan import read_plan, write_plan
from leukolab.plan.ledger import LEDGER_FILE
from leukolab.plan.task import PLAN_FILE
from leukolab.results.folder import RunFolder
from leukolab.results.records import EnvironmentRecord, RivalsRecord
from leukolab.spec import StudySpec
from leukolab.study.finished import FinishedRun
from leukolab.study.thumbnails import keep_pictures, kept_pictures

SHARED = (
    RunFolder.card, RunFolder.data, RunFolder.architecture, RunFolder.methods, RunFolder.TRUNK,
    RunFolder.index, RunFolder.groups, RunFolder.composition,
)  # fmt: skip
"""Files that are the same in every part, as far as they are there."""


def write_merged(parts: Sequence[FinishedRun], folder: Path) -> None:
    """Write a run folder with the models, predictions and rivals of all parts, as far as scores need nothing more.

    Args:
        parts: runs that differ in their outer parts only, checked.
        folder: the new run folder; models lie there as hard links where the disk allows it.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    first, run = parts[0], RunFolder(folder)
    run.write_settings(merged_spec([part.spec for part in parts]))
    for what in SHARED:
        if first.folder.has(what):
            _place(first.folder.file(what), run.file(what))
    for name, split in first.splits.items():
        run.write_split(name, split)
    jobs = _jobs(parts)
    run.write(RunFolder.jobs, jobs)
    _write_predictions(parts, list(jobs["job"]), run)
    for key, source in {key: part for part in reversed(parts) for key in part.jobs["key"]}.items():
        _place_folder(source.folder.job(key), run.job(key))
    heads = {path.name: path for part in parts for path in part.folder.head("").glob("[!.]*")}
    for name, path in heads.items():
        _place_folder(path, run.head(name))
    run.record(RunFolder.environment, _environment(parts))
    _write_record(parts, folder)
    pictures = [kept_pictures(part.folder) for part in parts]
    keep_pictures(run, {name: picture for kept in pictures for name, picture in kept.items()})


def place_finals(whole: RunFolder, run: RunFolder) -> None:
    """Take the methods fitted on all images from a run that has them."""
    for key in whole.finals.keys.values():
        _place_folder(whole.job(key), run.job(key))
    _place(whole.file(RunFolder.finals), run.file(RunFolder.finals))


def merged_spec(specs: Sequence[StudySpec]) -> StudySpec:
    """The settings of the first with the outer parts of all; all there are where one ran all."""
    outers: set[int] = set()
    for spec in specs:
        if spec.outer_parts is None:
            return specs[0].model_copy(update={"outer_parts": None})
        outers |= set(spec.outer_parts)
    return specs[0].model_copy(update={"outer_parts": tuple(sorted(outers))})


def _jobs(parts: Sequence[FinishedRun]) -> pd.DataFrame:
    """All jobs, each once, in the order in which one run of all outer parts lists them."""
    spec = parts[0].spec
    jobs = pd.concat([part.jobs for part in parts], ignore_index=True).drop_duplicates("job")
    names = dict.fromkeys([*spec.active_protocols, *spec.readings, *jobs["reading"]])
    order = {name: place for place, name in enumerate(names)}
    places = jobs.assign(protocol=jobs["protocol"].map(order), reading=jobs["reading"].map(order))
    return jobs.loc[places.sort_values(["protocol", "reading", "outer"], kind="stable").index].reset_index(drop=True)


def _write_predictions(parts: Sequence[FinishedRun], jobs: list[str], run: RunFolder) -> None:
    """Histories, predictions and rivals, in the order in which one run of all outer parts writes them."""
    history: dict[str, pd.DataFrame] = {}
    predictions: dict[str, pd.DataFrame] = {}
    for part in parts:
        history |= _missing(part.history, "job", history)
        predictions |= _missing(part.predictions, "member", predictions)
    known = {rival.member: rival for part in parts for rival in part.rivals.members}
    rivals = sorted(known.values(), key=lambda rival: (rival.protocol, rival.outer), reverse=True)
    trained = [history[job] for job in jobs if job in history]
    run.write_history(pd.concat(trained, ignore_index=True) if trained else pd.DataFrame())
    simple = pd.concat([predictions[rival.member] for rival in rivals], ignore_index=True)
    run.write(RunFolder.rivals, simple)
    every = pd.concat([*(predictions[job] for job in jobs), simple], ignore_index=True)
    run.write(RunFolder.predictions, every)
    record = RivalsRecord(
        shortcut=parts[0].rivals.shortcut,
        key=f"merged-{digest(sorted({part.rivals.key for part in parts}))}",
        file=file_digest(run.file(RunFolder.rivals)),
        members=tuple(rivals),
    )
    run.record(RunFolder.rivals_record, record)


def _missing(table: pd.DataFrame, name: str, there: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rows by what `name` names, of what is not there."""
    return {str(key): rows for key, rows in table.groupby(name, sort=False) if key not in there}


def _environment(parts: Sequence[FinishedRun]) -> EnvironmentRecord:
    """Versions and machines of all parts, the first start, the last end, the seconds of all together."""
    found = [part.folder.environment.facts for part in parts]
    names = dict.fromkeys(name for one in found for name in one)
    merged = {name: " / ".join(dict.fromkeys(str(one[name]) for one in found if name in one)) for name in names}
    first, seconds = min(str(one["started"]) for one in found), sum(float(one["seconds"]) for one in found)
    until = max(part.folder.environment.until for part in parts)
    return EnvironmentRecord.model_validate(
        {**merged, "started": first, "until": until, "seconds": round(seconds, 1), "merged": f"{len(parts)} runs"}
    )


def _write_record(parts: Sequence[FinishedRun], folder: Path) -> None:
    """Plan and ledger, so that the folder tells that everything is done; only what the parts have."""
    events = [part.path / LEDGER_FILE for part in parts]
    with atomic(folder / LEDGER_FILE) as temporary:
        temporary.write_bytes(b"".join(path.read_bytes().rstrip(b"\n") + b"\n" for path in events if path.exists()))
    if all((part.path / PLAN_FILE).exists() for part in parts):
        tasks = itertools.chain.from_iterable(read_plan(part.path) for part in parts)
        write_plan(folder, list({task.key: task for task in tasks}.values()))


def _place_folder(source: Path, target: Path) -> None:
    make_folder(target)
    for path in sorted(source.iterdir()):
        _place(path, target / path.name)


def _place(source: Path, target: Path) -> None:
    """A hard link, as nothing writes into a file of a run once it is there; a copy where the disk has no links.

    Raises:
        RunError: it is no file, but a device or the like, which no run writes.
    """
    if not source.is_file():
        raise RunError(f"{source}: expected a file that a run wrote, found none. Remove what is there, and run again.")
    with storage(target):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

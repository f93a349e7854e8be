"""Seals: what a run has written is proved before it is used.

The folder of a finished job has a seal of its own, with the digests of its files. The seal of the run has the digests
of everything the offered model and every score depend on: settings, classes, network, weights, splits, the seals of the
jobs, and what was made of them. A seal tells of accidents and of edits by hand; it is no signature.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, write_json
from leukolab.base.keys import file_digest
from leukolab.results.folder import RunFolder
from leukolab.results.records import SealRecord

NEWS = logging.getLogger(__name__)
PARTS = {
    RunFolder.SETTINGS: "the settings, and how images are prepared",
    RunFolder.card.file: "the data set and its classes",
    RunFolder.architecture.file: "the network, and the normalisation of its images",
    RunFolder.methods.file: "the methods",
    RunFolder.finals.file: "the methods fitted on all images",
    RunFolder.TRUNK: "the frozen weights",
    RunFolder.jobs.file: "the list of models",
    RunFolder.members.file: "the members and their weights",
    RunFolder.chosen.file: "the model offered for use",
    RunFolder.predictions.file: "the predictions",
    RunFolder.scores.file: "the scores",
}
"""What a person loses with a file, where its name does not say it."""
OUTCOME = (
    RunFolder.members, RunFolder.chosen, RunFolder.answers, RunFolder.scores, RunFolder.confusion, RunFolder.curves,
    RunFolder.class_report, RunFolder.hypotheses, RunFolder.subjects, RunFolder.predictions, RunFolder.shifts,
)  # fmt: skip
"""What scoring writes."""


def seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the seal, the last file of a folder: facts, and the digests of the others."""
    digests = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    write_json(folder / RunFolder.SEAL, {**facts, "files": digests})


def sealed(folder: Path) -> bool:
    """Whether a finished job or head is whole: all its files are there, with the digests that were written down."""
    there = RunFolder.WHOLE[:2] if folder.parent.name == RunFolder.JOBS else RunFolder.WHOLE[2:]
    try:
        found = read_json(folder / RunFolder.SEAL)
        files = found["files"]
        if not any(set(needed) <= set(files) for needed in there) or found.get("key", folder.name) != folder.name:
            return False
        return all(file_digest(folder / name) == expected for name, expected in files.items())
    except (RunError, OSError, AttributeError, KeyError, TypeError):
        return False


def seal_run(run: RunFolder) -> None:
    """Seal what a run has once its models and rivals are there; `seal_outcome` adds what scoring writes.

    Raises:
        RunError: a table is missing or damaged.
    """
    files = {name: file_digest(run.path / name) for name in _run_files(run) if (run.path / name).is_file()}
    run.record(RunFolder.sealing, SealRecord(run=files, predictions=_trained(run)))


def unseal_outcome(run: RunFolder) -> None:
    """Take what scoring writes out of the seal, before it is written anew."""
    before = run.sealing
    if before.run:
        run.record(RunFolder.sealing, before.model_copy(update={"outcome": {}}))


def seal_outcome(run: RunFolder) -> None:
    """Seal members, scores and the model offered for use; nothing in a run that has no seal."""
    before = run.sealing
    if before.run:
        names = [what.file for what in OUTCOME if run.has(what)]
        outcome = {name: file_digest(run.path / name) for name in names}
        run.record(RunFolder.sealing, before.model_copy(update={"outcome": outcome}))


def check_run(run: RunFolder) -> bool:
    """See that what scores are computed from is as the run wrote it.

    Returns:
        Whether the run has a seal; where it has none (an earlier version, or unfinished) a warning is told.

    Raises:
        RunError: a file is missing or changed; the sentence names it.
    """
    run.spec  # noqa: B018  (a folder that is no run is told of first)
    found = run.sealing
    if not found.run:
        NEWS.warning(
            f"{run.path}: has no seal, as runs of earlier versions and unfinished ones; nobody can tell whether its "
            "files were changed. Run the same 'study run' command again: it goes on, trains nothing twice, and seals."
        )
        return False
    large = (RunFolder.TRUNK, f"{RunFolder.JOBS}/")
    _refuse(run, broken(run, {name: one for name, one in found.run.items() if not name.startswith(large)}))
    if found.predictions != _trained_there(run):
        _refuse(run, [RunFolder.predictions.file])
    return True


def check_outcome(run: RunFolder) -> None:
    """See that what scoring wrote, and all it was computed from, is as it was written.

    Raises:
        RunError: a file is missing or changed; the sentence names it.
    """
    if check_run(run):
        _check_scored(run)


def check_sealed(run: RunFolder, key: str) -> None:
    """See that the folder of one finished job is as the run wrote it, with `check_outcome` before.

    Raises:
        RunError: a file in it is missing or changed; the sentence names the folder.
    """
    name = _seal_of(key)
    _refuse(run, broken(run, {name: run.sealing.run.get(name, "")}) if run.sealing.run else [])
    _refuse(run, [] if sealed(run.job(key)) else [f"{RunFolder.JOBS}/{key}"])


def check_whole(run: RunFolder) -> bool:
    """`check_run`, and the frozen weights and every trained model with it; whether the run has a seal."""
    known = check_run(run)
    _refuse(run, broken(run, run.sealing.run))
    return known


def check_model(run: RunFolder) -> None:
    """See that the model offered for use is as the run wrote it: settings, classes, network, weights, members, choice.

    Raises:
        RunError: the run has no seal, or a part is missing or changed; the sentence names it.
    """
    found = run.sealing
    if not found.run:
        raise RunError(
            f"{run.path}: expected a sealed model, found no whole seal ({RunFolder.sealing.file}): this run is not "
            "finished, or of an earlier version. Run the same 'study run' command again: it goes on, trains nothing "
            "twice, and seals."
        )
    needed = (
        RunFolder.SETTINGS, RunFolder.card.file, RunFolder.architecture.file, RunFolder.methods.file,
        RunFolder.jobs.file, RunFolder.TRUNK, *([RunFolder.finals.file] if RunFolder.finals.file in found.run else []),
    )  # fmt: skip
    _refuse(run, broken(run, {name: found.run.get(name, "") for name in needed}))
    _check_scored(run)
    keys = run.final_keys(run.offered())
    _refuse(run, broken(run, {name: found.run.get(name, "") for name in map(_seal_of, keys)}))
    _refuse(run, [f"{RunFolder.JOBS}/{key}" for key in keys if not sealed(run.job(key))])


def drop_damaged(run: RunFolder) -> None:
    """Remove files, finished jobs and heads that are lost, damaged or changed, so that they are made again."""
    try:
        found = run.sealing
    except RunError:
        found = SealRecord()
    for name in broken(run, found.run | found.outcome):
        NEWS.warning(f"{run.path / name}: lost, damaged or changed; this is made again")
        _remove(run.path / name)
    for folder in [*run.job("").glob("*"), *run.head("").glob("*")]:
        if not sealed(folder):
            NEWS.warning(f"{folder}: damaged; this is trained again")
            _remove(folder)


def broken(run: RunFolder, expected: Mapping[str, str]) -> list[str]:
    """Files that are missing, unreadable, or have other digests than these."""
    return [name for name, one in expected.items() if _digest(run.path / name) != one or not one]


def _check_scored(run: RunFolder) -> None:
    outcome = run.sealing.outcome
    if not outcome:
        raise RunError(
            f"{run.path}: expected scores and a chosen model with a seal, found none. "
            "Write the report again with 'study report'."
        )
    _refuse(run, broken(run, outcome), "Write the report again with 'study report', which makes it anew")


def _refuse(run: RunFolder, names: Iterable[str], remedy: str = "") -> None:
    for name in names:
        what = PARTS.get(name) or ("a trained model" if name.startswith(RunFolder.JOBS) else "")
        said = f" ({what})" if what else ""
        remedy = remedy or "Run the study there again: it makes this anew, and models that are whole are kept"
        raise RunError(
            f"{run.path / name}{said}: expected it as the run wrote it, found it missing, damaged or changed "
            f"since. {remedy}."
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""


def _seal_of(key: str) -> str:
    return f"{RunFolder.JOBS}/{key}/{RunFolder.SEAL}"


def _run_files(run: RunFolder) -> Iterator[str]:
    """Everything that models and scores depend on, but for what scoring writes."""
    yield from (RunFolder.SETTINGS, RunFolder.TRUNK)
    for what in (
        RunFolder.card, RunFolder.data, RunFolder.architecture, RunFolder.methods, RunFolder.environment,
        RunFolder.rivals_record, RunFolder.finals,
        RunFolder.index, RunFolder.groups, RunFolder.composition, RunFolder.jobs, RunFolder.history, RunFolder.rivals,
    ):  # fmt: skip
        yield what.file
    for path in sorted(run.file(RunFolder.SPLIT).rglob("*")):
        yield path.relative_to(run.path).as_posix()
    yield from map(_seal_of, [*run.jobs["key"], *run.finals.keys.values()])


def _trained(run: RunFolder) -> str:
    """Digest of the predictions of models and rivals: the rows that scoring leaves as they are."""
    table = run.predictions
    known = {*run.jobs["job"], *(one.member for one in run.rivals_record.members)}
    return _rows_digest(table[table["member"].isin(known)])


def _trained_there(run: RunFolder) -> str:
    """`_trained`; nothing where the predictions cannot be read."""
    try:
        return _trained(run)
    except RunError:
        return ""


def _rows_digest(table: pd.DataFrame) -> str:
    """SHA-256 over names, types and values of the columns, in their order."""
    total = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        text = column.dtype.kind not in "iufb"
        total.update(f"{name}\0{'text' if text else column.dtype}\0{len(column)}\0".encode())
        total.update("\0".join(map(str, column)).encode() if text else column.to_numpy().tobytes())
    return total.hexdigest()

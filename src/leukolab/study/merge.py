"""Several finished runs of one study on the same images, each with other outer parts, made into one run folder.

Models, predictions and rivals are taken as they are; scores and report are made anew. Only methods learn: with all
outer parts there, each is fitted on all images, as in a run of all outer parts.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from leukolab.base.errors import ImageError, RunError, WeightsError
from leukolab.base.files import whole_folder
from leukolab.base.home import Home
from leukolab.base.keys import digest
from leukolab.base.marks import mark
from leukolab.base.outputs import alone
from leukolab.plan import Event, write_event
from leukolab.results.folder import RunFolder
from leukolab.results.records import FinalsRecord
from leukolab.results.seals import seal_run
from leukolab.spec import StudySpec
from leukolab.study.finish import finish
from leukolab.study.finished import FinishedRun, read_finished
from leukolab.study.merge_files import place_finals, write_merged
from leukolab.study.tracking.entries import flat

NEWS = logging.getLogger(__name__)


def merge_runs(
    runs: Sequence[str | Path], out: str | Path, home: Home, language: str = "en", data: str | Path | None = None
) -> Path:
    """Make one run folder of several, with its scores and report.

    Args:
        runs: finished runs, alike but for their outer parts; an outer part may come twice where it is the same.
        out: the new run folder, whole or absent.
        home: the home folder, for the pictures of the report, and for the images that methods learn from.
        language: of the report.
        data: the folder of images, where they are not in the home folder any more; only methods need them.

    Returns:
        Path of the HTML report.

    Raises:
        RunError: a run is not finished, or differs in more than its outer parts; the sentence names what.
        StorageError: `out` cannot be written.
    """
    folders, out = [Path(run) for run in runs], Path(out)
    if len(runs) < 2:
        raise RunError(f"merge: expected at least two run folders, got {len(runs)}. Name them all.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(
            f"{out}: expected an empty or new folder for the merged run, found files. Choose another run folder.",
            settings=("run folder",),
        )
    parts = [read_finished(run) for run in folders]
    for part in parts[1:]:
        _check_alike(parts[0], part)
    for before, part in itertools.combinations(parts, 2):
        _check_doubles(before, part)
    with alone(out), whole_folder(out) as folder:
        mark(folder)
        NEWS.info(f"{len(parts)} runs into one")
        write_merged(parts, folder)
        _write_finals(parts, RunFolder(folder), home, None if data is None else Path(data))
        if all(part.whole for part in parts):
            seal_run(RunFolder(folder))
        path = finish(RunFolder(folder), home, language)
        write_event(folder, Event("reported"))
    return out / path.relative_to(folder)


def _write_finals(parts: Sequence[FinishedRun], run: RunFolder, home: Home, data: Path | None) -> None:
    """The methods fitted on all images, where all outer parts are there: from a part that has them, or fitted here."""
    whole = next((part.folder for part in parts if part.folder.finals.keys), None)
    if whole is not None:
        place_finals(whole, run)
        return
    run.record(RunFolder.finals, FinalsRecord())
    protocol = run.spec.believed_protocol
    there = {outer for part in parts for outer in part.outers(protocol)}
    if not run.methods.specs or there != {*run.split(protocol).outers}:
        return
    try:
        from leukolab.study.merge_finals import fit_finals  # needs torch

        fit_finals(run, home, data)
    except (ImageError, ModuleNotFoundError, WeightsError) as error:
        if data is not None:
            raise
        NEWS.warning(
            f"methods: not fitted on all images, which 'predict' would use ({str(error).partition('. ')[0]}): merge "
            "again with leukolab[study] installed, and name the data folder."
        )


def _check_alike(first: FinishedRun, other: FinishedRun) -> None:
    """Same images, settings, weights and splits.

    Raises:
        RunError: something differs.
    """
    mine, its = first.folder, other.folder
    for what, ours, theirs in (
        ("images (fingerprint of the data)", mine.data.fingerprint, its.data.fingerprint),
        ("packed pixels", mine.data.pixels, its.data.pixels),
        *_settings(first.spec, other.spec),
        ("weights of the backbone", digest(mine.architecture.weights), digest(its.architecture.weights)),
    ):
        if ours != theirs:
            raise RunError(
                f"{other.path}: expected the {what} of {first.path}, {_short(ours)}, found {_short(theirs)}. "
                "Only the outer parts may differ: begin another part from the first run's own settings "
                f"({first.path / RunFolder.STUDY}), with other outer_parts and in another run folder."
            )
    for name, split in first.splits.items():
        same = split.head.groups_fingerprint == other.splits[name].head.groups_fingerprint
        if not (same and split.table.equals(other.splits[name].table)):
            raise RunError(
                f"{other.path}: expected the {name} split of {first.path}, found another. "
                "Runs of different versions of the program may split differently: run one of them again."
            )


def _settings(first: StudySpec, other: StudySpec) -> Iterator[tuple[str, str, str]]:
    """Every setting but the outer parts as text: its name, and its value in both."""
    ours, theirs = (dict(flat(spec.model_dump(mode="json", exclude={"outer_parts"}))) for spec in (first, other))
    for name in dict.fromkeys([*ours, *theirs]):
        yield f"setting '{name}'", ours.get(name, "nothing"), theirs.get(name, "nothing")


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:12]}..."


def _check_doubles(before: FinishedRun, part: FinishedRun) -> None:
    """An outer part that both runs have is the same in both, prediction by prediction.

    Raises:
        RunError: it is not.
    """
    for protocol in part.splits:
        for outer in sorted(part.outers(protocol) & before.outers(protocol)):
            if not part.of_outer(protocol, outer).equals(before.of_outer(protocol, outer)):
                raise RunError(
                    f"{part.path}: expected outer part {outer} ({protocol}) as it is in {before.path}, found other "
                    "predictions. Leave one of the two runs out."
                )

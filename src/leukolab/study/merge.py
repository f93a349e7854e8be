"""Several finished runs of one study on the same images, each with other outer parts, made into one run folder.

Nothing is trained: models, predictions and rivals are taken as they are; scores and report are made anew.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, read_table, whole_folder
from leukolab.base.home import Home
from leukolab.base.keys import digest, file_digest
from leukolab.plan import Event, held, write_event
from leukolab.results.predictions import read_spec, rival_name
from leukolab.results.seals import sealed
from leukolab.spec import StudySpec
from leukolab.splits import Split, read_split
from leukolab.study.finish import finish
from leukolab.study.merged import write_merged
from leukolab.study.resume import STUDY_FILE
from leukolab.study.tracking.entries import flat

NEWS = logging.getLogger(__name__)

RIVALS = ("features", "colour")


@dataclass(frozen=True)
class Part:
    """A finished run that goes into a merged one."""

    run: Path
    spec: StudySpec
    data: dict[str, Any]
    weights: dict[str, Any]
    splits: dict[str, Split]
    jobs: pd.DataFrame
    history: pd.DataFrame
    predictions: pd.DataFrame
    """Of models and rivals."""
    shortcut: str

    def outers(self, protocol: str) -> set[int]:
        """The outer parts it ran."""
        return set(self.jobs.loc[self.jobs["protocol"] == protocol, "outer"].astype(int))

    def of_outer(self, protocol: str, outer: int) -> pd.DataFrame:
        """Its predictions of one outer part, ordered so that two runs can be compared."""
        jobs = self.jobs[(self.jobs["protocol"] == protocol) & (self.jobs["outer"] == outer)]["job"]
        rivals = [rival_name(name, protocol, outer) for name in RIVALS]
        mine = self.predictions[self.predictions["job"].isin([*jobs, *rivals])]
        return mine.sort_values(["job", "role", "image_id"], ignore_index=True)


def merge_runs(runs: list[Path], out: Path, home: Home, language: str = "en") -> Path:
    """Make one run folder of several, with its scores and report.

    Args:
        runs: finished runs, alike but for their outer parts; an outer part may come twice where it is the same.
        out: the new run folder, whole or absent.
        home: the home folder, for the pictures of the report.
        language: of the report.

    Returns:
        Path of the HTML report.

    Raises:
        RunError: a run is not finished, or differs in more than its outer parts; the sentence names what.
        StorageError: `out` cannot be written.
    """
    if len(runs) < 2:
        raise RunError(f"merge: expected at least two run folders, got {len(runs)}. Name them all.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(
            f"{out}: expected an empty or new folder for the merged run, found files. Choose another run folder.",
            settings=("run folder",),
        )
    parts = [_read(run) for run in runs]
    for part in parts[1:]:
        _check_alike(parts[0], part)
    for before, part in itertools.combinations(parts, 2):
        _check_doubles(before, part)
    with whole_folder(out) as folder:
        NEWS.info(f"{len(parts)} runs into one")
        write_merged(parts, folder)
        path = finish(folder, home, language)
        write_event(folder, Event("reported"))
    return out / path.relative_to(folder)


def _read(run: Path) -> Part:
    """A run whose every model is there.

    Raises:
        RunError: it is not finished, damaged, or in use.
    """
    if held(run):
        raise RunError(f"{run}: expected a finished run, found that a process works in it. Wait until it is done.")
    if not (run / "chosen.json").exists():
        raise RunError(f"{run}: expected a finished run, found no chosen.json. Finish it with 'study run' first.")
    spec, jobs = read_spec(run), read_table(run / "jobs.parquet")
    for job, key in zip(jobs["job"], jobs["key"], strict=True):
        if not sealed(run / "jobs" / key):
            raise RunError(
                f"{run}: expected the finished model '{job}', found none or a damaged one. "
                "Run the study there again first: it trains what is missing."
            )
    folders = [run / "jobs" / key for key in jobs["key"]]
    predictions = [read_table(folder / "predictions.parquet") for folder in folders]
    return Part(
        run=run,
        spec=spec,
        data=read_json(run / "data.json"),
        weights=read_json(run / "architecture.json")["weights"],
        splits={name: read_split(run / "split" / name) for name in spec.active_protocols},
        jobs=jobs,
        history=pd.concat([read_table(folder / "history.parquet") for folder in folders], ignore_index=True),
        predictions=pd.concat([*predictions, _rivals(run, jobs)], ignore_index=True),
        shortcut=str(read_json(run / "rivals.json")["shortcut"]),
    )


def _rivals(run: Path, jobs: pd.DataFrame) -> pd.DataFrame:
    """Predictions of the simple rivals of every outer part.

    Raises:
        RunError: those of a part are missing, or the file is not the one the run wrote.
    """
    table = read_table(run / "rivals.parquet")
    for protocol, outer in jobs[["protocol", "outer"]].drop_duplicates().itertuples(index=False):
        for name in RIVALS:
            if rival_name(name, protocol, outer) not in set(table["job"]):
                raise RunError(
                    f"{run}: expected the simple rivals of outer part {outer} ({protocol}), found none. "
                    "Run the study there again first."
                )
    if read_json(run / "rivals.json").get("file") != file_digest(run / "rivals.parquet"):
        raise RunError(
            f"{run / 'rivals.parquet'}: expected the simple rivals as the run wrote them, found a changed or damaged "
            "file. Run the study there again first."
        )
    return table


def _check_alike(first: Part, other: Part) -> None:
    """Same images, settings, weights and splits.

    Raises:
        RunError: something differs.
    """
    for what, ours, theirs in (
        ("images (fingerprint of the data)", first.data["fingerprint"], other.data["fingerprint"]),
        ("packed pixels", first.data["pixels"], other.data["pixels"]),
        *_settings(first.spec, other.spec),
        ("weights of the backbone", digest(first.weights), digest(other.weights)),
    ):
        if ours != theirs:
            raise RunError(
                f"{other.run}: expected the {what} of {first.run}, {_short(ours)}, found {_short(theirs)}. "
                "Only the outer parts may differ: begin another part from the first run's own settings "
                f"({first.run / STUDY_FILE}), with other outer_parts and in another run folder."
            )
    for name, split in first.splits.items():
        same = split.head.groups_fingerprint == other.splits[name].head.groups_fingerprint
        if not (same and split.table.equals(other.splits[name].table)):
            raise RunError(
                f"{other.run}: expected the {name} split of {first.run}, found another. "
                "Runs of different versions of the program may split differently: run one of them again."
            )


def _settings(first: StudySpec, other: StudySpec) -> Iterator[tuple[str, str, str]]:
    """Every setting but the outer parts as text: its name, and its value in both."""
    ours, theirs = (dict(flat(spec.model_dump(mode="json", exclude={"outer_parts"}))) for spec in (first, other))
    for name in dict.fromkeys([*ours, *theirs]):
        yield f"setting '{name}'", ours.get(name, "nothing"), theirs.get(name, "nothing")


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:12]}..."


def _check_doubles(before: Part, part: Part) -> None:
    """An outer part that both runs have is the same in both, prediction by prediction.

    Raises:
        RunError: it is not.
    """
    for protocol in part.splits:
        for outer in sorted(part.outers(protocol) & before.outers(protocol)):
            if not part.of_outer(protocol, outer).equals(before.of_outer(protocol, outer)):
                raise RunError(
                    f"{part.run}: expected outer part {outer} ({protocol}) as it is in {before.run}, found other "
                    "predictions. Leave one of the two runs out."
                )

"""What a tracker is told of a finished run: study, models, ensembles, rivals; no image, and no name of one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.keys import digest, file_digest
from leukolab.report.names import Names
from leukolab.report.run import without_folders
from leukolab.report.texts import load_texts
from leukolab.results.folder import RunFolder
from leukolab.results.members import Member
from leukolab.results.seals import check_outcome
from leukolab.results.shareable import shareable

STUDY = "study"
"""Key of the entry that all others belong to."""

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""Columns of the history that are told, epoch by epoch."""

PARTS = ("protocol", "reading", "outer", "learning_rate", "fold", "seed")
"""Columns of the jobs that are told as parameters."""


class Point(NamedTuple):
    """One value of a curve: `step` counts the epochs of all stages from 1, `seconds` since training began."""

    metric: str
    value: float
    step: int
    seconds: float


@dataclass(frozen=True)
class Entry:
    """One entry of a tracker; `ended` is in seconds since 1970, `files` maps a name there to a file here."""

    key: str
    name: str
    kind: str
    ended: float
    params: dict[str, str]
    metrics: dict[str, float]
    points: tuple[Point, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def content(self) -> str:
        """Digest of what a tracker never lets change: parameters and curves."""
        return digest([self.params, [point[:3] for point in self.points]])

    @property
    def files_digest(self) -> str:
        """Digest of all files and their names."""
        return digest({name: file_digest(path) for name, path in self.files.items()})


def entries(run: Path) -> list[Entry]:
    """Everything there is to tell of the run in the folder `run`, the study first.

    Raises:
        RunError: the run is not finished, or a file is damaged.
    """
    folder = RunFolder(run)
    check_outcome(folder)
    metrics = {str(name): _metrics(rows) for name, rows in folder.scores.groupby("member", sort=False)}
    ended = run_end(folder)
    found = [_study(folder, metrics, ended), *_models(folder, metrics)]
    for one in folder.member_list().values():
        if one.kind in ("ensemble", "rival", "pooled"):
            params = {"protocol": one.protocol, "outer": str(one.outer)} | _mixed(one)
            found.append(Entry(one.member, one.member, one.kind, ended, params, metrics[one.member]))
    return found


def run_end(folder: RunFolder) -> float:
    """When the run was done, in seconds since 1970, as it noted itself: a report written later changes nothing.

    Raises:
        RunError: no such time is noted.
    """
    until = folder.environment.until
    try:
        return datetime.fromisoformat(until).timestamp()
    except ValueError as error:
        raise RunError(
            f"{folder.file(RunFolder.environment)}: until: expected the time when the run was done, got '{until}'. "
            "Run the study there again: models that are whole are kept."
        ) from error


def _study(folder: RunFolder, metrics: dict[str, dict[str, float]], ended: float) -> Entry:
    """Settings, the scores of the model offered for use, and what the report shows without pictures of cells."""
    spec, chosen, said = folder.spec, folder.chosen, folder.answers
    machine, trunk = folder.environment.facts, folder.file(RunFolder.TRUNK)
    names = Names.of(folder, load_texts())
    lines = [names.finding(finding) for finding in (*said.headline, *said.warnings)]
    return Entry(
        key=STUDY,
        name=spec.name,
        kind=STUDY,
        ended=ended,
        params=dict(flat(spec.model_dump(mode="json"))),
        metrics=metrics[chosen.member],
        files=shareable(folder) | ({trunk.name: trunk} if trunk.is_file() else {}),
        notes={
            "mlflow.note.content": "\n\n".join([spec.title, *lines]),
            "leukolab.chosen": chosen.member,
            "leukolab.data": folder.data.fingerprint,
            "leukolab.version": str(machine["leukolab"]),
            **{f"leukolab.{name}": str(machine[name]) for name in ("torch", "gpu", "system") if name in machine},
        },
        seconds=folder.environment.seconds,
    )


def _models(folder: RunFolder, metrics: dict[str, dict[str, float]]) -> Iterator[Entry]:
    histories = dict(iter(folder.history.groupby("job")))
    for job in folder.jobs.to_dict("records"):
        name, key = str(job["job"]), str(job["key"])
        points = tuple(_points(histories[name])) if name in histories else ()
        file = RunFolder.JOB_METHOD if pd.isna(job["learning_rate"]) else RunFolder.JOB_MODEL
        params = {part: written(job[part]) for part in PARTS} | {"backbone": str(job["method"])}
        yield Entry(
            key=key,
            name=name,
            kind="model",
            ended=_there(folder.job(key) / RunFolder.SEAL).stat().st_mtime,
            params=params,
            metrics=metrics[name],
            points=points,
            files={file: _there(folder.job(key) / file)},
            seconds=points[-1].seconds if points else 0.0,
        )


def _there(path: Path) -> Path:
    if not path.is_file():
        raise RunError(f"{path}: expected a file of a finished model, found none. Run the study again; it goes on.")
    return path


def _points(history: pd.DataFrame) -> Iterator[Point]:
    """The curves of one model; epochs of its stages are counted through."""
    passed = history["seconds"].fillna(0.0).cumsum().tolist()
    for step, row in enumerate(history[list(CURVES)].to_dict("records"), start=1):
        yield from (
            Point(str(metric), float(value), step, passed[step - 1])
            for metric, value in row.items()
            if math.isfinite(value)
        )


def _metrics(rows: pd.DataFrame) -> dict[str, float]:
    """`role/unit/metric` to its value, with `_low` and `_high` where it has an interval."""
    found: dict[str, float] = {}
    for row in rows.to_dict("records"):
        name = f"{row['role']}/{row['unit']}/{row['metric']}"
        found |= {name: float(row["value"]), f"{name}_low": float(row["low"]), f"{name}_high": float(row["high"])}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _mixed(member: Member) -> dict[str, str]:
    """Scenario, scheme and number of models of an ensemble; nothing of others."""
    if member.kind != "ensemble":
        return {}
    return {"scenario": member.scenario, "scheme": member.scheme, "models": str(len(member.sources))}


def flat(settings: Any) -> Iterator[tuple[str, str]]:
    """Nested settings as pairs of `a.b.0.c` and text; of a file's path only the file's name is told."""
    return _flat(without_folders(settings), "")


def _flat(settings: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(settings, dict) and settings:
        for key, value in settings.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(settings, list) and any(isinstance(value, dict) for value in settings):
        for number, value in enumerate(settings):
            yield from _flat(value, f"{name}.{number}")
    else:
        yield re.sub(r"[^\w./: -]", "_", name), written(settings)


def written(value: Any) -> str:
    """A setting as text: as it is where it is one, else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

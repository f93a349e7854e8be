"""The folder of a merged run: what its parts have in common once, everything else of all of them."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukolab.base.files import atomic, make_folder, read_json, storage, write_json, write_table
from leukolab.base.keys import digest
from leukolab.plan import read_plan, write_plan
from leukolab.plan.ledger import LEDGER_FILE
from leukolab.plan.task import PLAN_FILE
from leukolab.spec import StudySpec
from leukolab.splits import write_split
from leukolab.study.resume import write_settings

if TYPE_CHECKING:
    from leukolab.study.merge import Part

SHARED = (
    "card.json", "data.json", "architecture.json", "trunk.safetensors",
    "index.parquet", "groups.parquet", "composition.parquet",
)  # fmt: skip
"""Files that are the same in every part."""
PICTURES = "thumbnails.npz"


def write_merged(parts: Sequence[Part], folder: Path) -> None:
    """Write a run folder with the models, predictions and rivals of all parts, as far as scores need nothing more.

    Args:
        parts: runs that differ in their outer parts only, checked.
        folder: the new run folder; models lie there as hard links where the disk allows it.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    first = parts[0]
    write_settings(folder, merged_spec([part.spec for part in parts]))
    for name in SHARED:
        _place(first.run / name, folder / name)
    for name, split in first.splits.items():
        write_split(split, folder / "split" / name)
    jobs = _jobs(parts)
    write_table(folder / "jobs.parquet", jobs)
    _write_predictions(parts, list(jobs["job"]), folder)
    models = {f"jobs/{key}": part.run for part in reversed(parts) for key in part.jobs["key"]}
    heads = {f"heads/{path.name}": part.run for part in parts for path in (part.run / "heads").glob("[!.]*")}
    for name, run in (models | heads).items():
        _place_folder(run / name, folder / name)
    write_json(folder / "environment.json", _environment(parts))
    _write_record(parts, folder)
    _keep_pictures(parts, folder)


def merged_spec(specs: Sequence[StudySpec]) -> StudySpec:
    """The settings of the first with the outer parts of all; all there are where one ran all."""
    outers: set[int] = set()
    for spec in specs:
        if spec.outer_parts is None:
            return specs[0].model_copy(update={"outer_parts": None})
        outers |= set(spec.outer_parts)
    return specs[0].model_copy(update={"outer_parts": tuple(sorted(outers))})


def _jobs(parts: Sequence[Part]) -> pd.DataFrame:
    """All jobs, each once, in the order in which one run of all outer parts lists them."""
    spec = parts[0].spec
    order = {name: place for place, name in enumerate([*spec.active_protocols, *spec.readings])}
    jobs = pd.concat([part.jobs for part in parts], ignore_index=True).drop_duplicates("job")
    places = jobs.assign(protocol=jobs["protocol"].map(order), reading=jobs["reading"].map(order))
    return jobs.loc[places.sort_values(["protocol", "reading", "outer"], kind="stable").index].reset_index(drop=True)


def _write_predictions(parts: Sequence[Part], jobs: list[str], folder: Path) -> None:
    """Histories, predictions and rivals, in the order in which one run of all outer parts writes them."""
    history: dict[str, pd.DataFrame] = {}
    predictions: dict[str, pd.DataFrame] = {}
    for part in parts:
        history |= _missing(part.history, history)
        predictions |= _missing(part.predictions, predictions)
    rivals = sorted((name for name in predictions if name.startswith("rival:")), key=_rival_place, reverse=True)
    write_table(folder / "history.parquet", pd.concat([history[job] for job in jobs], ignore_index=True))
    simple = pd.concat([predictions[name] for name in rivals], ignore_index=True)
    write_table(folder / "rivals.parquet", simple)
    every = pd.concat([*(predictions[job] for job in jobs), simple], ignore_index=True)
    write_table(folder / "predictions.parquet", every)
    keys = sorted({str(read_json(part.run / "rivals.json")["key"]) for part in parts})
    write_json(folder / "rivals.json", {"shortcut": parts[0].shortcut, "key": f"merged-{digest(keys)}"})


def _missing(table: pd.DataFrame, there: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rows by job, of jobs that are not there."""
    return {str(job): rows for job, rows in table.groupby("job", sort=False) if job not in there}


def _rival_place(name: str) -> tuple[str, int]:
    """Protocol and outer part of a rival."""
    _, _, protocol, outer = name.split(":")
    return protocol, int(outer.removeprefix("outer"))


def _environment(parts: Sequence[Part]) -> dict[str, Any]:
    """Versions and machines of all parts, the first start, the seconds of all together."""
    found = [read_json(part.run / "environment.json") for part in parts]
    names = dict.fromkeys(name for one in found for name in one)
    merged: dict[str, Any] = {
        name: " / ".join(dict.fromkeys(str(one[name]) for one in found if name in one)) for name in names
    }
    merged["started"] = min(str(one["started"]) for one in found)
    merged["seconds"] = round(sum(float(one["seconds"]) for one in found), 1)
    return merged | {"merged": f"{len(parts)} runs"}


def _write_record(parts: Sequence[Part], folder: Path) -> None:
    """Plan and ledger, so that the folder tells that everything is done; only what the parts have."""
    events = [part.run / LEDGER_FILE for part in parts]
    with atomic(folder / LEDGER_FILE) as temporary:
        temporary.write_bytes(b"".join(path.read_bytes().rstrip(b"\n") + b"\n" for path in events if path.exists()))
    if all((part.run / PLAN_FILE).exists() for part in parts):
        tasks = itertools.chain.from_iterable(read_plan(part.run) for part in parts)
        write_plan(folder, list({task.key: task for task in tasks}.values()))


def _keep_pictures(parts: Sequence[Part], folder: Path) -> None:
    """The pictures of all parts, for a report where the packed pixels are not at hand."""
    kept: dict[str, Any] = {}
    for path in (part.run / PICTURES for part in parts):
        if path.exists():
            with np.load(path) as found:
                kept |= dict(found)
    with atomic(folder / PICTURES) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **kept)


def _place_folder(source: Path, target: Path) -> None:
    make_folder(target)
    for path in sorted(source.iterdir()):
        _place(path, target / path.name)


def _place(source: Path, target: Path) -> None:
    """A hard link, as nothing writes into a file of a run once it is there; a copy where the disk has no links."""
    with storage(target):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

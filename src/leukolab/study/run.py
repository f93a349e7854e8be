"""Runs a study: material, jobs, rivals, scores, report; each step's result lies in the run folder.

The same command on the same folder goes on where it stopped: finished jobs are never done again.
"""

from __future__ import annotations

import copy
import datetime
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from leukolab import __version__
from leukolab.audit.shortcuts import shortcut_features
from leukolab.base.errors import RunError
from leukolab.base.files import atomic, make_folder, read_json, read_table, write_json, write_table, write_text
from leukolab.base.keys import content_key, digest
from leukolab.base.progress import say
from leukolab.engine import describe, runtime, trunk
from leukolab.engine.bank import Bank
from leukolab.engine.network import build, check_size
from leukolab.engine.weights import save_state
from leukolab.plan import Place, hold, run_plan, usable_target
from leukolab.spec import RuntimeSpec, StudySpec
from leukolab.splits import index_fingerprint, write_split
from leukolab.study import work
from leukolab.study.estimate import Estimate, estimate
from leukolab.study.jobs import Job, is_done, job_folder, jobs_table, list_jobs
from leukolab.study.prepare import Material, composition, prepare
from leukolab.study.results import read_spec
from leukolab.study.rivals import RIVALS_VERSION, RivalInputs, run_rivals
from leukolab.study.session import Session, cut_for

STUDY_FILE = "study.yaml"
"""The resolved settings in the run folder; `study run` takes them as they are."""


def run_study(spec: StudySpec, data: Path, run: Path, home: Path, on: str = "local") -> Path:
    """Run a study to its report.

    Args:
        spec: settings; what is `auto` in its runtime is chosen here, and kept when the run goes on.
        data: folder of images.
        run: the run folder.
        home: the home folder.
        on: where its jobs run: `local`, `local:N`, `ray` or `ray://ADDRESS`.

    Returns:
        Path of the HTML report.

    Raises:
        LeukolabError: whatever the user can mend.
    """
    session = train_study(spec, data, run, home, on)
    from leukolab.study.finish import finish

    with hold(run):
        return finish(run, session.material.store)


def train_study(spec: StudySpec, data: Path, run: Path, home: Path, on: str = "local") -> Session:
    """`run_study` as far as the predictions of all models and rivals."""
    started = time.time()
    target = usable_target(on)
    _check_folder(spec, run)
    with hold(make_folder(run)):
        session, jobs = open_session(spec, data, run, home, target.workers)
        _write_record(session, jobs)
        work.remember(session)
        tasks = work.list_tasks(session, jobs)
        run_plan(tasks, Place(run, home, data), work.WORK, on, say)
        with runtime.settled(session.spec.runtime):
            _write_rivals(session, jobs)
        _collect(run, jobs)
        _write_environment(session, started)
    return session


def plan_study(spec: StudySpec, data: Path, run: Path, home: Path) -> Estimate:
    """What a study would cost: jobs, hours, disk; nothing is trained and the run folder is not touched."""
    _check_folder(spec, run)
    session, jobs = open_session(spec, data, run, home)
    with runtime.settled(session.spec.runtime):
        left = [job for job in jobs if not is_done(run, job)]
        return estimate(session, jobs, left)


def open_session(spec: StudySpec, data: Path, run: Path, home: Path, processes: int = 1) -> tuple[Session, list[Job]]:
    """Settings resolved, images packed and split, jobs listed."""
    settings = runtime.choose(_runtime_begun(spec, run), processes)
    material = prepare(spec, data, home)
    network = build(spec.model, len(material.class_names), spec.seed)
    check_size(network, spec.image.size_px)
    depth = max(cut_for(spec, network, name) for name in spec.readings)
    with runtime.settled(settings):
        settings = trunk.choose(network, spec.image.size_px, depth, settings, home)
    spec = spec.model_copy(update={"runtime": settings})
    session = Session(spec, run, home, material, network)
    return session, list_jobs(spec, material, network.weights)


def _runtime_begun(spec: StudySpec, run: Path) -> RuntimeSpec:
    """The runtime this folder was begun with, and what is asked for now."""
    if not (run / "spec.json").exists():
        return spec.runtime
    given = spec.runtime.model_dump(exclude_unset=True)
    return read_spec(run).runtime.model_copy(update=given)


def _check_folder(spec: StudySpec, run: Path) -> None:
    if run.is_dir() and any(run.iterdir()) and not (run / "spec.json").exists():
        raise RunError(
            f"{run}: expected an empty folder or a run of '{spec.name}', found other files. Choose another --out."
        )
    if not (run / "spec.json").exists():
        return
    before = read_spec(run)
    for name, ours, theirs in (
        ("study", spec.name, before.name),
        ("data card", spec.data.card, before.data.card),
    ):
        if ours != theirs:
            raise RunError(
                f"{run}: this folder holds a run with {name} '{theirs}', not '{ours}'. Choose another --out."
            )


def _write_record(session: Session, jobs: list[Job]) -> None:
    """Everything about the run that is known before training."""
    spec, run, material = session.spec, session.run, session.material
    fingerprint = index_fingerprint(material.index)
    before = read_json(run / "data.json")["fingerprint"] if (run / "data.json").exists() else fingerprint
    if before != fingerprint:
        raise RunError(f"{run}: this run was begun on other images. Choose another --out, or give the same --data.")
    write_json(run / "data.json", {"fingerprint": fingerprint, "pixels": material.store.key})
    write_text(run / "spec.json", spec.model_dump_json(indent=2))
    write_text(run / STUDY_FILE, yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    write_json(run / "card.json", _card(material))
    write_table(run / "index.parquet", material.index.drop(columns="path"))
    write_table(run / "groups.parquet", material.groups)
    for name, split in material.splits.items():
        write_split(split, run / "split" / name)
    write_table(run / "composition.parquet", composition(material))
    write_table(run / "jobs.parquet", jobs_table(jobs, spec.model.backbone))
    write_json(run / "architecture.json", _architecture(session))
    with atomic(run / "trunk.safetensors") as temporary:
        save_state(temporary, session.network.backbone.state_dict())


def _write_rivals(session: Session, jobs: list[Job]) -> None:
    path, record = session.run / "rivals.parquet", session.run / "rivals.json"
    wanted = sorted({(job.protocol, job.outer) for job in jobs}, reverse=True)
    key = _rivals_key(session, wanted)
    if path.exists() and record.exists() and read_json(record).get("key") == key:
        return
    material = session.material
    kind, shortcuts = shortcut_features(material.paths, material.store.key, session.home)
    rows = np.arange(len(material.index))
    seen = RivalInputs(_plain_bank(session).pooled(rows, np.zeros_like(rows)), shortcuts, kind)
    write_table(path, run_rivals(material, wanted, seen, session.spec.seed))
    write_json(record, {"shortcut": kind, "key": key})


def _rivals_key(session: Session, wanted: list[tuple[str, int]]) -> str:
    splits = {name: split.table.to_dict("list") for name, split in session.material.splits.items()}
    inputs = {
        "features": _plain_bank(session).key(0),
        "labels": digest(session.material.labels.tolist()),
        "splits": digest(splits),
    }
    return content_key("rivals", RIVALS_VERSION, inputs, {"wanted": wanted, "seed": session.spec.seed})


def _plain_bank(session: Session) -> Bank:
    return session.bank(max(session.depth(name) for name in session.spec.readings))


def _collect(run: Path, jobs: list[Job]) -> None:
    """One table of histories and one of predictions, from all jobs and rivals."""
    folders = [job_folder(run, job) for job in jobs]
    history = pd.concat([read_table(folder / "history.parquet") for folder in folders], ignore_index=True)
    predictions = [read_table(folder / "predictions.parquet") for folder in folders]
    write_table(run / "history.parquet", history)
    rivals = read_table(run / "rivals.parquet")
    write_table(run / "predictions.parquet", pd.concat([*predictions, rivals], ignore_index=True))


def _card(material: Material) -> dict[str, Any]:
    card = material.card
    counts = material.index["class_name"].value_counts().to_dict()
    return {
        "name": card.name, "title": card.title, "source": card.source, "doi": card.doi, "licence": card.licence,
        "synthetic": card.name == "phantom", "class_names": list(material.class_names),
        "counts": {name: int(count) for name, count in counts.items()},
        "subjects_known": bool(material.index["subject"].notna().all()),
    }  # fmt: skip


def _architecture(session: Session) -> dict[str, Any]:
    spec, network = session.spec, copy.deepcopy(session.network)
    rows = describe.layers(network, spec.image.size_px)
    learning = {name: describe.learning_parameters(network, reading.stages) for name, reading in spec.readings.items()}
    return {
        "backbone": spec.model.backbone, "rows": rows, "learning": learning, "weights": asdict(network.weights),
        "parameters": sum(int(str(row["parameters"])) for row in rows),
    }  # fmt: skip


def _write_environment(session: Session, started: float) -> None:
    path = session.run / "environment.json"
    before = float(read_json(path)["seconds"]) if path.exists() else 0.0
    moment = datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds")
    command = f"leukolab study run RUN_FOLDER/{STUDY_FILE} --data FOLDER"
    seconds = round(before + time.time() - started, 1)
    write_json(
        path,
        {"leukolab": __version__, **runtime.description(), "started": moment, "seconds": seconds, "command": command},
    )

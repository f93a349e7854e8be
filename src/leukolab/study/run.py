"""Runs a study: material, jobs, rivals, scores, report; each step's result lies in the run folder.

The same command on the same folder goes on where it stopped: finished jobs are never done again.
"""

from __future__ import annotations

import copy
import datetime
import logging
import time
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukolab import __version__
from leukolab.audit.shortcuts import shortcut_features
from leukolab.base.errors import RunError
from leukolab.base.files import atomic, make_folder, read_json, read_table, sweep, write_json, write_table
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest, file_digest
from leukolab.base.pins import pin
from leukolab.engine import describe, runtime, trunk
from leukolab.engine.bank import Bank
from leukolab.engine.network import build, check_size
from leukolab.engine.weights import save_state
from leukolab.plan import Event, Log, Place, hold, run_plan, usable_target, write_event, write_plan
from leukolab.plan.ledger import seconds_of_attempts
from leukolab.report.texts import load_texts
from leukolab.results.seals import drop_damaged
from leukolab.spec import StudySpec
from leukolab.splits import index_fingerprint, write_split
from leukolab.study import resume as begun
from leukolab.study import work
from leukolab.study.estimate import Estimate, estimate
from leukolab.study.jobs import Job, is_done, job_folder, jobs_table, list_jobs
from leukolab.study.prepare import Material, composition, prepare
from leukolab.study.resume import STUDY_FILE
from leukolab.study.rivals import RIVALS_VERSION, RivalInputs, run_rivals
from leukolab.study.session import Session, cut_for
from leukolab.study.side_by_side import processes, where

NEWS = logging.getLogger(__name__)


def run_study(
    spec: StudySpec,
    data: Path,
    run: Path,
    home: Home,
    on: str = "auto",
    retune: bool = False,
    language: str = "en",
) -> Path:
    """Run a study to its report.

    Args:
        spec: settings; what is `auto` in its runtime is chosen here, and kept when the run goes on.
        data: folder of images.
        run: the run folder.
        home: the home folder.
        on: where its jobs run: `auto` (here, in as many processes as suit it), `local`, `local:N`, `ray` or `ray://ADDRESS`.
        retune: measure the runtime anew though the run was begun with one; models of another runtime are trained again.
        language: of the report.

    Returns:
        Path of the HTML report.

    Raises:
        LeukolabError: whatever the user can mend.
    """
    load_texts(language)  # one that is not known is refused before anything is spent
    session = train_study(spec, data, run, home, on, retune)
    from leukolab.study.finish import report_run

    return report_run(run, session.material.store, language)


def train_study(spec: StudySpec, data: Path, run: Path, home: Home, on: str = "auto", retune: bool = False) -> Session:
    """`run_study` as far as the predictions of all models and rivals."""
    started = time.time()
    usable_target(on)  # what means nothing is refused before images are packed
    begun.check_folder(spec, run)
    with hold(make_folder(run)):
        sweep(run)
        drop_damaged(run)
        if retune:
            spec = begun.forget_runtime(spec, run)
        material = _prepared(spec, data, home)
        with pixels_kept(material, home):
            session, jobs = session_of(material, spec, run, home, on)
            train_models(session, jobs, data, on)
            with runtime.settled(session.spec.runtime):
                _write_rivals(session, jobs)
        _collect(run, jobs)
        _write_environment(session, started)
    return session


def train_models(session: Session, jobs: list[Job], data: Path, on: str, log: Log = NEWS) -> None:
    """Write down what the run is, then train what is left of its models, wherever `on` says."""
    _write_record(session, jobs)
    work.remember(session)
    tasks = work.list_tasks(session, jobs)
    write_plan(session.run, tasks)
    write_event(session.run, Event("planned"))
    place = Place(session.run, session.home, data)
    with pixels_kept(session.material, session.home):
        run_plan(tasks, place, work.WORK, where(on, session.spec, session.material), log)


def pixels_kept(material: Material, home: Home) -> AbstractContextManager[None]:
    """Packed pixels stay while the block runs, however small the cache: every job reads them."""
    return pin(home, [f"pixels/{material.store.key}"])


def plan_study(spec: StudySpec, data: Path, run: Path, home: Home, on: str = "auto") -> Estimate:
    """What a study would cost: jobs, hours, disk; nothing is trained and the run folder is not touched."""
    begun.check_folder(spec, run)
    session, jobs = open_session(spec, data, run, home, on)
    with runtime.settled(session.spec.runtime):
        left = [job for job in jobs if not is_done(run, job)]
        return estimate(session, jobs, left, processes(on, spec, session.material))


def open_session(spec: StudySpec, data: Path, run: Path, home: Home, on: str = "auto") -> tuple[Session, list[Job]]:
    """Settings resolved, images packed and split, jobs listed."""
    return session_of(_prepared(spec, data, home), spec, run, home, on)


def _prepared(spec: StudySpec, data: Path, home: Home) -> Material:
    """Images packed and split; a runtime that cannot be had is refused before."""
    runtime.resolve_runtime(spec.runtime)
    return prepare(spec, data, home)


def session_of(
    material: Material, spec: StudySpec, run: Path, home: Home, on: str = "auto"
) -> tuple[Session, list[Job]]:
    """`open_session` on images that are packed and split already."""
    settings = runtime.resolve_runtime(begun.runtime_begun(spec, run), processes(on, spec, material))
    network = build(spec.model, len(material.class_names), spec.seed)
    check_size(network, spec.image.size_px)
    depth = max(cut_for(spec, network, name) for name in spec.readings)
    with runtime.settled(settings):
        settings = trunk.fastest_runtime(network, spec.image.size_px, depth, settings, home, _passes(spec, material))
    spec = spec.model_copy(update={"runtime": settings})
    session = Session(spec, run, home, material, network)
    return session, list_jobs(spec, material, network.weights)


def _passes(spec: StudySpec, material: Material) -> int:
    """Images that go through the frozen part, each view counted, about."""
    augment = spec.training.augment
    views = augment.views if augment.active and augment.views != "online" else 0
    return len(material.index) * (1 + views)


def _write_record(session: Session, jobs: list[Job]) -> None:
    """Everything about the run that is known before training."""
    spec, run, material = session.spec, session.run, session.material
    fingerprint = index_fingerprint(material.index)
    begun.check_images(run, fingerprint)
    _forget_results_of_others(run, jobs)
    begun.write_settings(run, spec)
    _forget_pictures_of_others(run, material.store.key)
    write_json(run / "data.json", {"fingerprint": fingerprint, "pixels": material.store.key})
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


def _forget_results_of_others(run: Path, jobs: list[Job]) -> None:
    """Drop what tells of other models than these, lest it be shown or used beside the settings of these."""
    keys = {job.key for job in jobs}
    try:
        before = set(read_table(run / "jobs.parquet")["key"])
        chosen = set(read_json(run / "chosen.json")["keys"])
    except (RunError, KeyError, TypeError):
        before, chosen = set(), set()
    if not chosen <= keys or not chosen:
        (run / "chosen.json").unlink(missing_ok=True)
    if before != keys:
        for name in ("predictions.parquet", "history.parquet", "answers.json"):
            (run / name).unlink(missing_ok=True)


def _forget_pictures_of_others(run: Path, pixels: str) -> None:
    """Drop the report's pictures where they were made of pixels in another geometry."""
    try:
        before = read_json(run / "data.json")["pixels"]
    except (RunError, KeyError, TypeError):
        before = None
    if before != pixels:
        (run / "thumbnails.npz").unlink(missing_ok=True)


def _write_rivals(session: Session, jobs: list[Job]) -> None:
    path, record = session.run / "rivals.parquet", session.run / "rivals.json"
    wanted = sorted({(job.protocol, job.outer) for job in jobs}, reverse=True)
    key = _rivals_key(session, wanted)
    if _kept(path, record, key):
        return
    material = session.material
    kind, shortcuts = shortcut_features(material.paths, material.store.key, session.home)
    rows = np.arange(len(material.index))
    seen = RivalInputs(_plain_bank(session).pooled(rows, np.zeros_like(rows)), shortcuts, kind)
    write_table(path, run_rivals(material, wanted, seen, session.spec.seed))
    write_json(record, {"shortcut": kind, "key": key, "file": file_digest(path)})


def _kept(path: Path, record: Path, key: str) -> bool:
    """Whether the rivals are there, whole, and those of this key."""
    try:
        found = read_json(record)
        return bool(found["key"] == key and found["file"] == file_digest(path))
    except (RunError, OSError, KeyError, TypeError):
        return False


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
        "synthetic": card.synthetic, "class_names": list(material.class_names),
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
    moment = datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds")
    command = f"leukolab study run RUN_FOLDER/{STUDY_FILE} --data FOLDER"
    now = time.time()
    times = {
        "started": moment,
        "seconds": round(_seconds_before(session.run, path) + now - started, 1),
        "until": datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat(timespec="microseconds"),
    }
    write_json(path, {"leukolab": __version__, **runtime.description(), **times, "command": command})


def _seconds_before(run: Path, path: Path) -> float:
    """What the run took so far: what it noted when it last got as far as this, and what was stopped since."""
    try:
        before = read_json(path)
        return float(before["seconds"]) + seconds_of_attempts(run, str(before.get("until", "")))
    except (RunError, KeyError, TypeError, ValueError):
        return seconds_of_attempts(run, "")

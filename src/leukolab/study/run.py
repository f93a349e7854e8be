"""Runs a study: material, jobs, rivals, scores, report; each step's result lies in the run folder.

The same command on the same folder goes on where it stopped: finished jobs are never done again.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import asdict, dataclass
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
from leukolab.engine import describe, runtime
from leukolab.engine.embed import FrozenFeatures, Images
from leukolab.engine.network import Classifier, build, check_size
from leukolab.engine.reference import Task, train
from leukolab.engine.weights import save_state
from leukolab.spec import RuntimeSpec, StudySpec
from leukolab.splits import index_fingerprint, write_split
from leukolab.study.estimate import Estimate, estimate
from leukolab.study.jobs import Job, is_done, job_class_weights, job_folder, job_parts, jobs_table, list_jobs, store_job
from leukolab.study.prepare import Material, composition, prepare
from leukolab.study.results import read_spec
from leukolab.study.rivals import RIVALS_VERSION, RivalInputs, run_rivals

STUDY_FILE = "study.yaml"
"""The resolved settings in the run folder; `study run` takes them as they are."""


@dataclass(frozen=True)
class Session:
    """A study about to run: resolved settings, material, frozen network, jobs."""

    spec: StudySpec
    run: Path
    home: Path
    material: Material
    frozen: FrozenFeatures
    jobs: list[Job]

    @property
    def trunk(self) -> Classifier:
        """The network as loaded, before any training."""
        return self.frozen.network


def run_study(spec: StudySpec, data: Path, run: Path, home: Path) -> Path:
    """Run a study to its report.

    Args:
        spec: settings; what is `auto` in its runtime is chosen here, and kept when the run goes on.
        data: folder of images.
        run: the run folder.
        home: the home folder.

    Returns:
        Path of the HTML report.

    Raises:
        LeukolabError: whatever the user can mend.
    """
    started = time.time()
    session = open_session(spec, data, run, home)
    with runtime.settled(session.spec.runtime):
        _write_record(session)
        _run_jobs(session)
        _write_rivals(session)
    _collect(session)
    _write_environment(session, started)
    from leukolab.study.finish import finish

    return finish(run, session.material.store)


def plan_study(spec: StudySpec, data: Path, run: Path, home: Path) -> Estimate:
    """What a study would cost: jobs, hours, disk; nothing is trained and the run folder is not touched."""
    session = open_session(spec, data, run, home, touch=False)
    with runtime.settled(session.spec.runtime):
        left = [job for job in session.jobs if not is_done(run, job)]
        return estimate(session.spec, session.material, session.jobs, left)


def open_session(spec: StudySpec, data: Path, run: Path, home: Path, touch: bool = True) -> Session:
    """Settings resolved, images packed and split, jobs listed."""
    spec = spec.model_copy(update={"runtime": _runtime_of(spec, run)})
    _check_same_study(spec, run)
    if touch:
        make_folder(run)
    material = prepare(spec, data, home)
    trunk = build(spec.model, len(material.class_names), spec.seed)
    check_size(trunk, spec.image.size_px)
    images = Images(material.store.array, material.store.key)
    frozen = FrozenFeatures(trunk, images, spec.training.augment, spec.runtime, spec.seed, home)
    return Session(spec, run, home, material, frozen, list_jobs(spec, material, trunk.weights))


def _runtime_of(spec: StudySpec, run: Path) -> RuntimeSpec:
    """The runtime this folder was begun with, else the best one here."""
    if not (run / "spec.json").exists():
        return runtime.choose(spec.runtime)
    given = spec.runtime.model_dump(exclude_unset=True)
    return runtime.choose(read_spec(run).runtime.model_copy(update=given))


def _check_same_study(spec: StudySpec, run: Path) -> None:
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


def _write_record(session: Session) -> None:
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
    write_table(run / "jobs.parquet", jobs_table(session.jobs, spec.model.backbone))
    write_json(run / "architecture.json", _architecture(session))
    with atomic(run / "trunk.safetensors") as temporary:
        save_state(temporary, session.trunk.backbone.state_dict())


def _run_jobs(session: Session) -> None:
    """Every job that is not done, one after the other."""
    seconds: dict[str, list[float]] = {}
    for number, job in enumerate(session.jobs):
        if is_done(session.run, job):
            continue
        say(f"job {number + 1}/{len(session.jobs)}: {job.job}{_left(seconds, session.jobs[number:])}")
        started = time.time()
        _run_job(session, job)
        seconds.setdefault(job.reading, []).append(time.time() - started)


def _run_job(session: Session, job: Job) -> None:
    spec, material = session.spec, session.material
    parts = job_parts(job, material)
    task = Task(
        name=job.job,
        images=session.frozen.images,
        labels=material.labels,
        parts=parts,
        stages=spec.readings[job.reading].stages,
        training=spec.training,
        learning_rate=job.learning_rate,
        class_weights=job_class_weights(spec, material, parts["train"]),
        seed=job.seed,
        view_seed=spec.seed,
        runtime=spec.runtime,
        tell=say,
    )
    trained = train(build(spec.model, len(material.class_names), spec.seed, job.seed), task, session.frozen)
    store_job(session.run, job, trained, parts, material)


def _left(seconds: dict[str, list[float]], left: list[Job]) -> str:
    """The time that the jobs left will take, from jobs of the same reading done now; nothing before the first."""
    known = [sum(seconds[job.reading]) / len(seconds[job.reading]) for job in left if seconds.get(job.reading)]
    if not known:
        return ""
    least = "" if len(known) == len(left) else "at least "
    return f" ({least}{sum(known) / 60:.0f} min left)"


def _write_rivals(session: Session) -> None:
    path, record = session.run / "rivals.parquet", session.run / "rivals.json"
    wanted = sorted({(job.protocol, job.outer) for job in session.jobs}, reverse=True)
    key = _rivals_key(session, wanted)
    if path.exists() and record.exists() and read_json(record).get("key") == key:
        return
    material = session.material
    kind, shortcuts = shortcut_features(material.paths, material.store.key, session.home)
    seen = RivalInputs(np.asarray(session.frozen.view(0)), shortcuts, kind)
    write_table(path, run_rivals(material, wanted, seen, session.spec.seed))
    write_json(record, {"shortcut": kind, "key": key})


def _rivals_key(session: Session, wanted: list[tuple[str, int]]) -> str:
    splits = {name: split.table.to_dict("list") for name, split in session.material.splits.items()}
    inputs = {
        "features": session.frozen.key(0),
        "labels": digest(session.material.labels.tolist()),
        "splits": digest(splits),
    }
    return content_key("rivals", RIVALS_VERSION, inputs, {"wanted": wanted, "seed": session.spec.seed})


def _collect(session: Session) -> None:
    """One table of histories and one of predictions, from all jobs and rivals."""
    folders = [job_folder(session.run, job) for job in session.jobs]
    history = pd.concat([read_table(folder / "history.parquet") for folder in folders], ignore_index=True)
    predictions = [read_table(folder / "predictions.parquet") for folder in folders]
    write_table(session.run / "history.parquet", history)
    rivals = read_table(session.run / "rivals.parquet")
    write_table(session.run / "predictions.parquet", pd.concat([*predictions, rivals], ignore_index=True))


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
    spec, trunk = session.spec, session.trunk
    rows = describe.layers(trunk, spec.image.size_px)
    learning = {name: describe.learning_parameters(trunk, reading.stages) for name, reading in spec.readings.items()}
    return {
        "backbone": spec.model.backbone, "rows": rows, "learning": learning, "weights": asdict(trunk.weights),
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

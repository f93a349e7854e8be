"""What a run folder is told before training and after: what the run is, its rivals, its tables, its machine."""

from __future__ import annotations

import copy
import datetime
import time
from dataclasses import asdict

import numpy as np
import pandas as pd

from leukolab.audit.shortcuts import shortcut_features
from leukolab.base.errors import RunError
from leukolab.base.files import atomic
from leukolab.base.keys import content_key, digest, file_digest
from leukolab.base.version import __version__
from leukolab.engine import describe, runtime
from leukolab.engine.bank import Bank
from leukolab.engine.weights import save_state
from leukolab.plan.ledger import seconds_of_attempts
from leukolab.results.folder import RunFolder
from leukolab.results.records import (
    ArchitectureRecord,
    CardRecord,
    DataRecord,
    EnvironmentRecord,
    MethodsRecord,
    RivalRecord,
    RivalsRecord,
)
from leukolab.splits import index_fingerprint
from leukolab.study import resume
from leukolab.study.jobs import Job, jobs_table
from leukolab.study.prepare import Material, composition
from leukolab.study.rivals import RIVALS_VERSION, RivalInputs, rivals_of, run_rivals
from leukolab.study.session import Session


def write_record(session: Session, jobs: list[Job]) -> None:
    """Everything about the run that is known before training."""
    spec, run, material = session.spec, session.run, session.material
    fingerprint = index_fingerprint(material.index)
    resume.check_images(run, fingerprint, material.class_names)
    run.drop(RunFolder.sealing)
    _forget_results_of_others(run, jobs)
    run.write_settings(spec)
    _forget_pictures_of_others(run, material.store.key)
    run.record(RunFolder.data, DataRecord(fingerprint=fingerprint, pixels=material.store.key))
    run.record(RunFolder.card, _card(material))
    run.write(RunFolder.index, material.index)
    run.write(RunFolder.groups, material.groups)
    for name, split in material.splits.items():
        run.write_split(name, split)
    run.write(RunFolder.composition, composition(material))
    run.write(RunFolder.jobs, jobs_table(jobs, spec.model.backbone))
    run.record(RunFolder.architecture, _architecture(session))
    run.record(RunFolder.methods, _methods(session))
    with atomic(run.file(RunFolder.TRUNK)) as temporary:
        save_state(temporary, session.network.backbone.state_dict())


def write_rivals(session: Session, jobs: list[Job]) -> None:
    """Train the simple rivals of these jobs' outer parts, unless they are there, whole, and those of these settings."""
    run, wanted = session.run, sorted({(job.protocol, job.outer) for job in jobs}, reverse=True)
    rivals = rivals_of(wanted)
    key = _rivals_key(session, rivals)
    if rivals_whole(run) and run.rivals_record.key == key:
        return
    material = session.material
    kind, shortcuts = shortcut_features(material.paths, material.store.key, session.home)
    rows = np.arange(len(material.index))
    seen = RivalInputs(plain_bank(session).pooled(rows, np.zeros_like(rows)), shortcuts)
    run.write(RunFolder.rivals, run_rivals(material, rivals, seen, session.spec.seed))
    file = file_digest(run.file(RunFolder.rivals))
    run.record(RunFolder.rivals_record, RivalsRecord(shortcut=kind, key=key, file=file, members=rivals))


def rivals_whole(run: RunFolder) -> bool:
    """Whether the rivals are there as the run wrote them."""
    try:
        return run.rivals_record.file == file_digest(run.file(RunFolder.rivals))
    except (RunError, OSError):
        return False


def collect(run: RunFolder, jobs: list[Job]) -> None:
    """One table of histories and one of predictions, from all jobs and rivals."""
    run.write_history(run.histories(job.key for job in jobs))
    predictions = [run.job_predictions(job.key) for job in jobs]
    run.write(RunFolder.predictions, pd.concat([*predictions, run.rivals], ignore_index=True))


def write_environment(session: Session, started: float) -> None:
    """Versions, machine, and the seconds the run took, those of stopped attempts among them."""
    run, now = session.run, time.time()
    record = EnvironmentRecord(
        leukolab=__version__,
        started=_moment(started, "seconds"),
        seconds=round(_seconds_before(run) + now - started, 1),
        until=_moment(now, "microseconds"),
        command=f"leukolab study run RUN_FOLDER/{RunFolder.STUDY} --data FOLDER",
        **runtime.description(),
    )
    run.record(RunFolder.environment, record)


def _moment(seconds: float, precision: str) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec=precision)


def _seconds_before(run: RunFolder) -> float:
    """What the run took so far: what it noted when it last got as far as this, and what was stopped since."""
    try:
        before = run.environment
    except RunError:
        return seconds_of_attempts(run.path, "")
    return before.seconds + seconds_of_attempts(run.path, before.until)


def _forget_results_of_others(run: RunFolder, jobs: list[Job]) -> None:
    """Drop what tells of other models than these, lest it be shown or used beside the settings of these."""
    keys = {job.key for job in jobs}
    try:
        offered = set(run.keys_of(run.offered()))
    except (RunError, KeyError):
        offered = set()
    if not offered or not offered <= keys:
        run.drop(RunFolder.chosen, RunFolder.members)
    try:
        before = set(run.jobs["key"])
    except RunError:
        before = set()
    if before != keys:
        run.without_results()


def _forget_pictures_of_others(run: RunFolder, pixels: str) -> None:
    """Drop the report's pictures where they were made of pixels in another geometry."""
    try:
        before = run.data.pixels
    except RunError:
        before = ""
    if before != pixels:
        run.drop(RunFolder.PICTURES)


def _rivals_key(session: Session, rivals: tuple[RivalRecord, ...]) -> str:
    splits = {name: split.table.to_dict("list") for name, split in session.material.splits.items()}
    inputs = {
        "features": plain_bank(session).key(0),
        "labels": digest(session.material.labels.tolist()),
        "splits": digest(splits),
    }
    parameters = {"rivals": [rival.model_dump() for rival in rivals], "seed": session.spec.seed}
    return content_key("rivals", RIVALS_VERSION, inputs, parameters)


def plain_bank(session: Session) -> Bank:
    """The bank in whose plain view the features rival sees the images."""
    return session.bank(max((session.depth(name) for name in session.spec.readings), default=0))


def _card(material: Material) -> CardRecord:
    card, counts = material.card, material.index["class_name"].value_counts()
    return CardRecord(
        name=card.name,
        title=card.title,
        source=card.source,
        doi=card.doi,
        licence=card.licence,
        synthetic=card.synthetic,
        class_names=material.class_names,
        positive=material.classes.positive,
        decided_by=material.classes.decided_by,
        counts={str(name): int(count) for name, count in counts.items()},
        subjects_known=bool(material.index["subject"].notna().all()),
    )


def _methods(session: Session) -> MethodsRecord:
    methods = session.methods
    stores = {name: store.key for name, store in methods.stores.items()}
    specs = {name: spec.model_dump(mode="json") for name, spec in methods.specs.items()}
    weights = {name: tuple(bank.reader.digest for bank in methods.banks_of(name)) for name in methods.specs}
    return MethodsRecord(specs=specs, stores=stores, weights=weights, seed=methods.seed)


def _architecture(session: Session) -> ArchitectureRecord:
    spec, network = session.spec, copy.deepcopy(session.network)
    rows = describe.layers(network, spec.image.size_px)
    learning = {name: describe.learning_parameters(network, reading.stages) for name, reading in spec.readings.items()}
    return ArchitectureRecord.model_validate(
        {
            "backbone": spec.model.backbone,
            "rows": rows,
            "learning": learning,
            "weights": asdict(network.weights),
            "parameters": sum(int(str(row["parameters"])) for row in rows),
        }
    )

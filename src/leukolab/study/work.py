"""The kinds of jobs a study has, and what each does; imported wherever a job runs.

- `features`: one view of the frozen part, for some of the images;
- `heads`: the first stage of several models together, where it trains heads only;
- `train`: the rest of one model, to its predictions.

Each job reads what the run folder and the home folder hold, and writes whole artefacts there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukolab.base.errors import RunError
from leukolab.base.files import make_folder, whole_folder, write_table
from leukolab.base.findings import Finding, findings_to_text
from leukolab.base.keys import digest
from leukolab.engine import cached, checkpoint, runtime
from leukolab.engine.bank import Bank
from leukolab.engine.checkpoint import Standing
from leukolab.engine.heads import train_heads
from leukolab.engine.training import Training
from leukolab.engine.views import bank_size
from leukolab.plan import Place, Task
from leukolab.results.folder import RunFolder
from leukolab.results.seals import seal, sealed
from leukolab.spec import any_features
from leukolab.study.fits import run_fit
from leukolab.study.jobs import Job, is_done, job_class_weights, job_parts, listed_jobs, store_job
from leukolab.study.session import Session, recorded_session

WORK = "leukolab.study.work:work"
PIECE = 2048
"""Images of a `features` job, about."""
LAYER_SHARDS = 4
"""Shards of a `layers` job."""
_SESSIONS: dict[Path, Session] = {}


def remember(session: Session) -> None:
    """Let jobs that run in this process use a session that is open."""
    _SESSIONS.clear()
    _SESSIONS[session.run.path] = session


def work(place: Place, payload: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Do one job.

    Args:
        place: the run folder and the home folder.
        payload: `kind`, and what this kind needs.
        tell: takes findings for the person who waits, in text form.
    """
    session = _SESSIONS.get(place.run)
    if session is None:
        session = recorded_session(place.run, place.home)
        remember(session)
    with runtime.settled(session.spec.runtime):
        _KINDS[payload["kind"]](session, payload, lambda finding: tell(findings_to_text([finding])))


def list_tasks(session: Session, jobs: list[Job]) -> list[Task]:
    """All tasks of these jobs in an order in which they can run; the frozen part only for jobs that are not done."""
    tasks: dict[str, Task] = {task.key: task for task in fit_tasks(session, [j for j in jobs if j.by_method])}
    for members in _together(session, [job for job in jobs if job.fold]).values():
        left = [job for job in members if not is_done(session.run, job)]
        features = _features_tasks(session, left)
        tasks |= {task.key: task for task in features}
        made = tuple(sorted({path.rpartition("/")[0] for task in features for path in task.makes}))
        after = tuple(task.key for task in features)
        heads = _heads_task(session, members, left, (after, made)) if cached_heads(session, members[0]) else None
        if heads is not None and left:
            tasks[heads.key] = heads
        for job in members:
            tasks[job.key] = _train_task(session, job, heads, (after, made))
    return list(tasks.values())


def cached_heads(session: Session, job: Job) -> bool:
    """Whether the first stage of this job is trained together with others'."""
    return cached.heads_first(session.spec.readings[job.reading].stages, session.spec.training)


def heads_left(session: Session, left: list[Job]) -> list[Job]:
    """Those of the jobs `left` whose heads are still to be trained together."""
    return [job for job in left if job.fold and cached_heads(session, job) and not sealed(_head_folder(session, job))]


def _together(session: Session, jobs: list[Job]) -> dict[tuple[str, str, int], list[Job]]:
    groups: dict[tuple[str, str, int], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.protocol, job.reading, job.outer), []).append(job)
    return groups


def _features_tasks(session: Session, jobs: list[Job]) -> list[Task]:
    """The plain view of all images of these jobs, and every view of those they train on."""
    tasks = []
    for (depth, seed, view), rows in _views_needed(session, jobs).items():
        bank = session.bank(depth, seed)
        shards = bank.shards(rows, view)
        each = max(1, PIECE // bank.shard_rows)
        for start in range(0, len(shards), each):
            piece = shards[start : start + each]
            makes = tuple(f"home/{name}" for name in bank.names(view, piece))
            payload = {"kind": "features", "depth": depth, "seed": seed, "view": view, "shards": piece}
            tasks.append(
                Task(
                    key=f"features-{digest(list(makes))[:32]}", name=f"features/view{view}/shard{piece[0]}",
                    kind="features", payload=payload, needs=_base_needs(session), makes=makes,
                    cpus=session.spec.runtime.threads or 1, gpus=_gpus(session), cost=len(piece) * bank.shard_rows,
                )
            )  # fmt: skip
    return tasks


def _views_needed(session: Session, jobs: list[Job]) -> dict[tuple[int, int, int], np.ndarray]:
    """(depth, seed, view) to the rows that are needed of it."""
    augment = session.spec.training.augment
    needed: dict[tuple[int, int, int], list[np.ndarray]] = {}
    for job in jobs:
        depth, seed, parts = session.bank_depth(job.reading), session.view_seed(job), job_parts(job, session.material)
        stages = session.spec.readings[job.reading].stages
        if not cached_heads(session, job) and not session.depth(job.reading):
            continue
        views = max(bank_size(augment, stage.epochs) for stage in stages)
        needed.setdefault((depth, session.spec.seed, 0), []).extend(part.rows for part in parts.values())
        for view in range(1, views + 1):
            needed.setdefault((depth, seed, view), []).append(parts["train"].rows)
    return {place: np.unique(np.concatenate(rows)) for place, rows in sorted(needed.items())}


def _heads_task(session: Session, members: list[Job], left: list[Job], features: tuple[tuple[str, ...], ...]) -> Task:
    """The heads of the jobs that are left; known by all members, so that it stays the same task as they are done."""
    after, needs = features
    key = f"heads-{digest([job.first_key for job in members])[:32]}"
    payload = {"kind": "heads", "jobs": [job.job for job in left]}
    first = members[0]
    epochs = session.spec.readings[first.reading].stages[0].epochs
    name = f"{first.protocol}/{first.reading}/outer{first.outer}/heads"
    return Task(
        key=key, name=name, kind="heads", payload=payload,
        after=after, needs=(*_base_needs(session), *needs), makes=tuple(_head_artefact(job) for job in left),
        cpus=session.spec.runtime.threads or 1, gpus=_gpus(session), cost=float(epochs * len(left)),
    )  # fmt: skip


def _train_task(session: Session, job: Job, heads: Task | None, features: tuple[tuple[str, ...], ...]) -> Task:
    after, needs = features
    if heads is not None:
        after, needs = (*after, heads.key), (*needs, _head_artefact(job))
    stages = session.spec.readings[job.reading].stages[1 if heads is not None else 0 :]
    return Task(
        key=job.key, name=job.job, kind="train", after=after, needs=(*_base_needs(session), *needs),
        payload={"kind": "train", "job": job.job, "head": heads is not None},
        makes=(f"run/{RunFolder.JOBS}/{job.key}",), cpus=session.spec.runtime.threads or 1, gpus=_gpus(session),
        cost=float(sum(stage.epochs for stage in stages)) + 0.1,
    )  # fmt: skip


def _head_artefact(job: Job) -> str:
    """Where a head lies that was trained with others, known by its own settings alone."""
    return f"run/{RunFolder.HEADS}/{job.first_key}"


def _base_needs(session: Session) -> tuple[str, ...]:
    """What every job needs where the run folder and the home folder are not shared."""
    return (*(f"run/{name}" for name in RunFolder.NEEDED_BY_JOBS), f"home/pixels/{session.material.store.key}")


def _gpus(session: Session) -> float:
    return 1.0 if session.spec.runtime.device == "cuda" else 0.0


def _features(session: Session, payload: dict[str, Any], tell: Callable[[Finding], None]) -> None:
    session.bank(payload["depth"], payload["seed"]).fill(payload["view"], payload["shards"])


def _heads(session: Session, payload: dict[str, Any], tell: Callable[[Finding], None]) -> None:
    jobs = [_job(session, name) for name in payload["jobs"]]
    path = _unfinished_heads(session, jobs)
    if not path.exists():  # else it was stopped while these heads were stored, and goes on with all of them
        jobs = [job for job in jobs if not _head_folder(session, job).exists()]
        path = _unfinished_heads(session, jobs)
    make_folder(path.parent)
    trainings = [_training(session, job, lambda _: None) for job in jobs]
    banks = {job.job: session.bank_of(job) for job in jobs}
    network = session.network
    standings = train_heads(
        trainings,
        lambda training: banks[training.name],
        network.head.out_features,
        session.spec.model.dropout,
        path,
        tell,
    )
    for job, standing in zip(jobs, standings, strict=True):
        if _head_folder(session, job).exists():
            continue
        with whole_folder(_head_folder(session, job)) as temporary:
            checkpoint.save(temporary / RunFolder.HEAD_MODEL, standing)
            write_table(temporary / RunFolder.JOB_HISTORY, pd.DataFrame(standing.history).assign(job=job.job))
            seal(temporary, {"job": job.job, "key": job.first_key})
    path.unlink(missing_ok=True)


def _unfinished_heads(session: Session, jobs: list[Job]) -> Path:
    return session.run.unfinished(f"heads-{digest([job.first_key for job in jobs])[:32]}")


def _train(session: Session, payload: dict[str, Any], tell: Callable[[Finding], None]) -> None:
    job = _job(session, payload["job"])
    path = session.run.unfinished(job.key)
    make_folder(path.parent)
    training = _training(session, job, tell)
    start = _start(session, job) if payload["head"] else None
    network = session.fresh(job)
    trained = cached.train(network, training, lambda depth: _bank_for(session, job, depth), path, start)
    store_job(session.run, job, trained, training.parts, session.material)
    path.unlink(missing_ok=True)


def _bank_for(session: Session, job: Job, depth: int) -> Bank | None:
    """The bank for a stage of a job: its own cut, or for heads alone any; None where activations are not kept."""
    kept = session.depth(job.reading)
    return session.bank_of(job) if depth in (0, kept) else None


def _head_folder(session: Session, job: Job) -> Path:
    return session.run.head(job.first_key)


def _start(session: Session, job: Job) -> Standing:
    """Where the training of heads together left this one."""
    folder = _head_folder(session, job)
    standing = checkpoint.load(folder / RunFolder.HEAD_MODEL)
    if standing is None:
        raise RunError(f"{folder}: expected a trained head here, found a damaged file. Run the same command again.")
    return standing


def _training(session: Session, job: Job, tell: Callable[[Finding], None]) -> Training:
    spec, parts = session.spec, job_parts(job, session.material)
    return Training(
        name=job.job, images=session.images, labels=session.material.labels, parts=parts,
        stages=spec.readings[job.reading].stages, settings=spec.training, learning_rate=job.learning_rate or 0.0,
        class_weights=job_class_weights(spec, session.material, parts["train"]), seed=job.seed,
        view_seed=session.view_seed(job), runtime=spec.runtime, tell=tell,
    )  # fmt: skip


def _job(session: Session, name: str) -> Job:
    return next(job for job in listed_jobs(session.run) if job.job == name)


def fit_tasks(session: Session, jobs: list[Job]) -> list[Task]:
    """The layers that the methods left to fit see, shard by shard, and each fit after its own."""
    tasks: dict[str, Task] = {}
    for job in jobs:
        layers = [] if is_done(session.run, job) else _layer_tasks(session, job.reading)
        tasks |= {task.key: task for task in layers}
        made = tuple(sorted({path.rpartition("/")[0] for task in layers for path in task.makes}))
        pixels = tuple(sorted({f"home/pixels/{bank.images.key}" for bank in session.methods.banks_of(job.reading)}))
        tasks[job.key] = Task(
            key=job.key, name=job.job, kind="fit", payload={"kind": "fit", "job": job.job},
            after=tuple(task.key for task in layers), needs=(*_base_needs(session), *pixels, *made),
            makes=(f"run/{RunFolder.JOBS}/{job.key}",), cost=1.0,
        )  # fmt: skip
    return list(tasks.values())


def _layer_tasks(session: Session, method: str) -> list[Task]:
    tasks = []
    for bank in session.methods.banks_of(method):
        seen = bank.reader.spec.model_dump(mode="json")
        for start in range(0, bank.shards, LAYER_SHARDS):
            shards = list(range(start, min(start + LAYER_SHARDS, bank.shards)))
            makes = tuple(f"home/{bank.path(shard).relative_to(session.home.path).as_posix()}" for shard in shards)
            tasks.append(
                Task(
                    key=f"layers-{digest(list(makes))[:32]}", name=f"layers/{bank.key[-6:]}/shard{start}",
                    kind="layers", payload={"kind": "layers", "features": seen, "shards": shards},
                    needs=(*_base_needs(session), f"home/pixels/{bank.images.key}"), makes=makes,
                    cost=float(len(shards)),
                )
            )  # fmt: skip
    return tasks


def _layers(session: Session, payload: dict[str, Any], tell: Callable[[Finding], None]) -> None:
    session.methods.bank(any_features(payload["features"])).fill(payload["shards"])


def _fit(session: Session, payload: dict[str, Any], tell: Callable[[Finding], None]) -> None:
    run_fit(_job(session, payload["job"]), session.material, session.methods, session.run)


_KINDS = {"features": _features, "heads": _heads, "train": _train, "layers": _layers, "fit": _fit}

"""What a study would cost, before anything is spent: jobs, hours, disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leukolab.engine import describe
from leukolab.engine.cached import heads_first
from leukolab.engine.views import bank_size
from leukolab.study.jobs import Job, job_parts
from leukolab.study.session import Session

HEAD_SECONDS = 2e-5
"""Of one head for one image and epoch, trained with others; small beside the rest."""


@dataclass(frozen=True)
class Estimate:
    """Numbers of `--dry-run`; hours are within a factor of two."""

    jobs: int
    left: int
    hours: float
    disk_gib: float
    lines: tuple[str, ...]


def estimate(session: Session, jobs: list[Job], left: list[Job], processes: int = 1) -> Estimate:
    """Seconds of small measured batches times images and epochs of the jobs that are left, `processes` at once."""
    costs = {}
    for name in sorted({job.reading for job in left}):
        trunk = session.bank(session.bank_depth(name)).trunk
        costs[name] = describe.measure(trunk, session.spec.readings[name].stages, session.depth(name))
    seconds = sum(_job_seconds(session, job, costs[job.reading]) for job in left)
    if costs:
        seconds += next(iter(costs.values())).trunk_seconds * _passes(session, jobs) * len(session.material.index)
    disk = _disk_bytes(session, jobs) / 2**30
    hours = seconds / 3600 / processes
    lines = (
        f"{len(jobs)} jobs, {len(jobs) - len(left)} of them done",
        f"about {hours:.1f} hours on this machine" if hours >= 1 else f"about {hours * 60:.0f} minutes on this machine",
        f"about {disk:.1f} GiB in the run folder and the home folder",
    )
    return Estimate(len(jobs), len(left), hours, disk, lines)


def _job_seconds(session: Session, job: Job, cost: describe.Cost) -> float:
    parts = job_parts(job, session.material)
    train, validation = int(parts["train"].copies.sum()), len(parts["validation"].rows)
    stages = session.spec.readings[job.reading].stages
    online = not heads_first(stages, session.spec.training) and stages[0].release in ("head", 0)
    seconds = 0.0
    for stage in stages:
        step = cost.step_seconds[stage.name] or (cost.trunk_seconds if online else HEAD_SECONDS)
        seconds += stage.epochs * (train * step + validation * (cost.forward_seconds[stage.name] or HEAD_SECONDS))
    return seconds


def _passes(session: Session, jobs: list[Job]) -> int:
    """Passes of the frozen part over the images: the plain view, and every bank."""
    augment = session.spec.training.augment
    if augment.active and augment.views == "online":
        return 1
    stages = [stage for reading in session.spec.readings.values() for stage in reading.stages]
    banks = len({session.view_seed(job) for job in jobs})
    return 1 + banks * max(bank_size(augment, stage.epochs) for stage in stages)


def _disk_bytes(session: Session, jobs: list[Job]) -> float:
    images = len(session.material.index)
    depth = max(session.depth(name) for name in session.spec.readings)
    bank = session.bank(depth)
    numbers = bank.width + int(np.prod(bank.trunk.shape or (0,)))
    features = images * numbers * 2 * _passes(session, jobs)
    states = 0
    for reading, spec in session.spec.readings.items():
        learning = describe.learning_parameters(session.network, spec.stages)
        states += 4 * max(learning.values()) * sum(job.reading == reading for job in jobs)
    return float(session.material.store.array.nbytes + features + states)

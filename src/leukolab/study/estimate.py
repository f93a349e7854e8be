"""What a study would cost, before anything is spent: jobs, hours, disk."""

from __future__ import annotations

from dataclasses import dataclass

from leukolab.engine import describe
from leukolab.engine.network import build
from leukolab.engine.views import bank_size
from leukolab.spec import StudySpec
from leukolab.study.jobs import Job, job_parts
from leukolab.study.prepare import Material


@dataclass(frozen=True)
class Estimate:
    """Numbers of `--dry-run`; hours are within a factor of two."""

    jobs: int
    left: int
    hours: float
    disk_gib: float
    lines: tuple[str, ...]


def estimate(spec: StudySpec, material: Material, jobs: list[Job], left: list[Job]) -> Estimate:
    """Seconds of a small measured batch, times the images and epochs of the jobs that are left."""
    costs = {}
    for name in {job.reading for job in left}:
        network = build(spec.model, len(material.class_names), spec.seed)
        costs[name] = describe.measure(network, spec.readings[name].stages, spec.image.size_px, spec.runtime)
    forward = next(iter(costs.values())).forward_seconds if costs else 0.0
    seconds = _views_of_bank(spec) * len(material.index) * forward
    for job in left:
        seconds += _job_seconds(spec, material, job, costs[job.reading])
    disk = _disk_bytes(spec, material, jobs) / 2**30
    hours = seconds / 3600
    lines = (
        f"{len(jobs)} jobs, {len(jobs) - len(left)} of them done",
        f"about {hours:.1f} hours on this machine" if hours >= 1 else f"about {hours * 60:.0f} minutes on this machine",
        f"about {disk:.1f} GiB in the run folder and the home folder",
    )
    return Estimate(len(jobs), len(left), hours, disk, lines)


def _job_seconds(spec: StudySpec, material: Material, job: Job, cost: describe.Cost) -> float:
    parts = job_parts(job, material)
    train, validation = int(parts["train"].copies.sum()), len(parts["validation"].rows)
    seconds, pure = 0.0, True
    for stage in spec.readings[job.reading].stages:
        pure = pure and stage.release in ("head", 0)
        if not pure:
            seconds += stage.epochs * (train * cost.step_seconds[stage.name] + validation * cost.forward_seconds)
    everything = sum(len(part.rows) for part in parts.values())
    return seconds if pure else seconds + everything * cost.forward_seconds


def _views_of_bank(spec: StudySpec) -> int:
    """Passes over all images for kept features: the plain view, and the bank of the first stage."""
    augment = spec.training.augment
    epochs = max(reading.stages[0].epochs for reading in spec.readings.values())
    return 1 if augment.views == "online" else 1 + bank_size(augment, epochs)


def _disk_bytes(spec: StudySpec, material: Material, jobs: list[Job]) -> float:
    network = build(spec.model, len(material.class_names), spec.seed)
    images = len(material.index)
    features = images * network.head.in_features * 2 * _views_of_bank(spec)
    states = 0
    for job in jobs:
        learning = describe.learning_parameters(network, spec.readings[job.reading].stages)
        states += 4 * max(learning.values())
    return float(material.store.array.nbytes + features + states)

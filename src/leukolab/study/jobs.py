"""The jobs of a study: one model of one (protocol, reading, outer part, learning rate, fold), keyed by content.

A finished job is a folder with a seal, which holds the digests of its other files; it is never done again unless a file
is lost or damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from leukolab.base.errors import SpecError
from leukolab.base.files import whole_folder, write_table
from leukolab.base.keys import content_key, digest
from leukolab.base.streams import stream_seed
from leukolab.engine.training import RolePart, Trained
from leukolab.engine.weights import Weights, save_state
from leukolab.results.calls import with_calls
from leukolab.results.folder import RunFolder
from leukolab.results.seals import seal
from leukolab.spec import StageSpec, StudySpec
from leukolab.splits import ROLES, class_weights
from leukolab.study.prepare import Material

TRAIN_VERSION = 4
"""Raised by hand when the same inputs would train another model."""


@dataclass(frozen=True)
class Job:
    """One model to train."""

    job: str
    protocol: str
    reading: str
    outer: int
    learning_rate: float | None
    """None of a method, which has none."""
    fold: int
    """0 of a method, which learns from all folds."""
    seed: int
    key: str = ""
    first_key: str = ""
    """Of its first stage alone: what heads trained together are known by."""

    @property
    def by_method(self) -> bool:
        """Fitted by a method rather than trained by the engine."""
        return self.learning_rate is None


def list_jobs(spec: StudySpec, material: Material, weights: Weights) -> list[Job]:
    """All jobs of a study, in the order in which they run.

    Raises:
        SpecError: an outer part is asked for that the split does not have, or nothing is left to train.
    """
    jobs = [
        _job(spec, protocol, reading, outer, rate, fold)
        for protocol, split in material.splits.items()
        for reading in spec.readings
        for outer in outers_of(spec, spec.readings[reading].outer_parts, protocol, split.outers)
        for rate in spec.readings[reading].learning_rates or spec.training.learning_rates
        for fold in split.folds(outer)
    ]
    missing = [name for name in material.splits if name not in {job.protocol for job in jobs}]
    if missing and not spec.methods:
        raise SpecError(
            f"nothing to train under the {missing[0]} protocol: its readings run on none of the outer parts asked for. "
            "Ask for other outer parts or readings, or one protocol."
        )
    fixed = _fixed_inputs(material, weights)
    return [
        replace(
            job,
            key=_key(spec, material, job, spec.readings[job.reading].stages, fixed),
            first_key=_key(spec, material, job, spec.readings[job.reading].stages[:1], fixed),
        )
        for job in jobs
    ]


def _job(spec: StudySpec, protocol: str, reading: str, outer: int, rate: float, fold: int) -> Job:
    """A job before its keys are known; its name is the seed of everything random in it."""
    name = f"{protocol}/{reading}/outer{outer}/lr{rate:g}/fold{fold}"
    return Job(name, protocol, reading, outer, rate, fold, stream_seed(spec.seed, name))


def jobs_table(jobs: list[Job], backbone: str) -> pd.DataFrame:
    """Jobs as a table, one row each."""
    return pd.DataFrame([asdict(job) | {"method": backbone} for job in jobs])


def listed_jobs(run: RunFolder) -> list[Job]:
    """The jobs of a run, from its table."""
    found = []
    for row in run.jobs.drop(columns="method").to_dict("records"):
        values: dict[str, Any] = {str(name): None if value != value else value for name, value in row.items()}
        found.append(Job(**values))
    return found


def job_parts(job: Job, material: Material) -> dict[str, RolePart]:
    """Role to the rows of the packed pixels, in the order of their names, with copies."""
    split = material.splits[job.protocol]
    parts = {}
    for role in ROLES:
        rows = split.part(job.outer, job.fold, role)
        if len(rows):
            parts[role] = RolePart(
                material.store.rows(list(rows["image_id"])), rows["copies"].to_numpy(np.int64, copy=True)
            )
    return parts


def job_class_weights(spec: StudySpec, material: Material, part: RolePart) -> np.ndarray:
    """Weights float64 (k,) of the classes in the loss of this training part."""
    classes = len(material.class_names)
    if not spec.training.class_weights:
        return np.ones(classes)
    return class_weights(material.labels[part.rows], part.copies, classes)


def is_done(run: RunFolder, job: Job) -> bool:
    """Whether the job is finished."""
    return (run.job(job.key) / RunFolder.SEAL).exists()


def store_job(run: RunFolder, job: Job, trained: Trained, parts: dict[str, RolePart], material: Material) -> None:
    """Write a finished job, whole or not at all."""
    with whole_folder(run.job(job.key)) as temporary:
        write_table(temporary / RunFolder.JOB_HISTORY, pd.DataFrame(trained.history).assign(job=job.job))
        write_table(temporary / RunFolder.JOB_PREDICTIONS, _predictions(job, trained, parts, material))
        save_state(temporary / RunFolder.JOB_MODEL, trained.state)
        seal(temporary, asdict(job))


def predictions_frame(
    member: str, material: Material, role: str, rows: np.ndarray, probs_nk: np.ndarray
) -> pd.DataFrame:
    """Predictions of one role as a table: member, image_id, role, label, called, p_0 ... p_{k-1}."""
    table = pd.DataFrame(
        {
            "member": member,
            "image_id": material.index["image_id"].to_numpy()[rows],
            "role": role,
            "label": material.labels[rows],
        }
    )
    for number in range(probs_nk.shape[1]):
        table[f"p_{number}"] = probs_nk[:, number].astype(np.float32)
    return with_calls(table)


def _predictions(job: Job, trained: Trained, parts: dict[str, RolePart], material: Material) -> pd.DataFrame:
    tables: Iterator[pd.DataFrame] = (
        predictions_frame(job.job, material, role, parts[role].rows, probs)
        for role, probs in trained.predictions.items()
    )
    return pd.concat(tables, ignore_index=True)


def outers_of(
    spec: StudySpec, asked: Mapping[str, tuple[int, ...]], protocol: str, there: tuple[int, ...]
) -> list[int]:
    """Outer parts that a reading runs on, of those that are `there`; it asks for some under some protocols.

    Raises:
        SpecError: one is asked for that the split does not have.
    """
    wanted = list(asked.get(protocol, there))
    if spec.outer_parts is not None:
        wanted = [outer for outer in wanted if outer in spec.outer_parts]
    for outer in [*(spec.outer_parts or ()), *wanted]:
        if outer not in there:
            raise SpecError(
                f"outer_parts: the {protocol} split has parts {there[0]} to {there[-1]}, {outer} was asked for."
            )
    return wanted


def _fixed_inputs(material: Material, weights: Weights) -> dict[str, str]:
    """Digests that go into the key of every job: pixels, weights, labels."""
    labels = dict(zip(material.index["image_id"], material.index["label"].tolist(), strict=True))
    return {
        "pixels": material.store.key,
        "weights": digest([weights.digest, weights.mean, weights.deviation]),
        "labels": digest(labels),
    }


def _key(spec: StudySpec, material: Material, job: Job, stages: tuple[StageSpec, ...], fixed: Mapping[str, str]) -> str:
    """What a job is known by when it goes through these stages."""
    split = material.splits[job.protocol]
    parts = {role: split.part(job.outer, job.fold, role).to_dict("list") for role in ROLES}
    parameters = {
        "stages": [stage.model_dump() for stage in stages],
        "training": spec.training.model_dump(exclude={"learning_rates"}),
        "model": spec.model.model_dump(exclude={"weights"}),
        "learning_rate": job.learning_rate,
        "seed": job.seed,
        "view_seed": job.seed if spec.training.augment.bank == "model" else spec.seed,
        "runtime": spec.runtime.model_dump(),
    }
    return content_key("train", TRAIN_VERSION, {**fixed, "split": digest(parts)}, parameters)

"""Each method on all images: with the settings that its outer parts chose most often, for use, not for scores.

What the outer parts scored is the score of the procedure; this model has none of its own: it has seen every image.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from leukolab.base.files import whole_folder
from leukolab.base.keys import content_key, digest
from leukolab.base.streams import stream_seed
from leukolab.methods import Fold, learn, most_often
from leukolab.results.folder import RunFolder
from leukolab.results.records import FinalsRecord
from leukolab.results.seals import seal, sealed
from leukolab.spec import AnyMethod, StudySpec, any_method
from leukolab.splits import Split
from leukolab.study.fits import FIT_VERSION, Methods, write_learned
from leukolab.study.jobs import Job
from leukolab.study.prepare import Material


def write_finals(spec: StudySpec, run: RunFolder, material: Material, methods: Methods, jobs: list[Job]) -> None:
    """Fit every method of the protocol that is to be believed on all images; nothing where outer parts are missing.

    Calibration is on the outer parts: each is predicted by what was learned from the others.
    """
    protocol = spec.believed_protocol
    fits = whole_fits(jobs, protocol, material.splits[protocol])
    keys = {name: _final(spec.seed, run, material, methods, mine) for name, mine in fits.items()}
    run.record(RunFolder.finals, FinalsRecord(protocol=protocol if keys else "", keys=keys))


def whole_fits(jobs: list[Job], protocol: str, split: Split) -> dict[str, list[Job]]:
    """The fits of each method that has learned in every outer part of a split which has several."""
    fits: dict[str, list[Job]] = {}
    for job in jobs:
        if job.by_method and job.protocol == protocol and len(split.outers) > 1:
            fits.setdefault(job.reading, []).append(job)
    return {name: mine for name, mine in fits.items() if {job.outer for job in mine} == set(split.outers)}


def _final(seed: int, run: RunFolder, material: Material, methods: Methods, jobs: list[Job]) -> str:
    """Fit one method where that is not done; its key."""
    first, chosen = jobs[0], most_often([_chosen(run, job) for job in jobs])
    inputs = {"outer parts": digest([job.key for job in jobs])}
    key = content_key("final", FIT_VERSION, inputs, {"method": chosen.model_dump(mode="json")})
    if not sealed(run.job(key)):
        name = f"{first.protocol}/{first.reading}/all"
        job = Job(name, first.protocol, first.reading, 0, None, 0, stream_seed(seed, name), key)
        folds = _folds(material.splits[first.protocol], material)
        learned = learn(chosen, methods.images(first.reading, material), folds, job.seed)
        with whole_folder(run.job(key)) as temporary:
            write_learned(temporary, learned)
            seal(temporary, asdict(job))
    return key


def _chosen(run: RunFolder, job: Job) -> AnyMethod:
    return any_method(run.job_choice(job.key).chosen)


def _folds(split: Split, material: Material) -> list[Fold]:
    """Each test part once: kept from what all other test parts teach; every image counts once."""
    parts = [material.store.rows(sorted(split.part(outer, 1, "test")["image_id"].unique())) for outer in split.outers]
    everyone = material.store.rows(sorted(split.table["image_id"].unique()))
    folds = []
    for held in parts:
        rows = np.setdiff1d(everyone, held)
        folds.append(Fold(rows, np.ones(len(rows), dtype=np.int64), held))
    return folds

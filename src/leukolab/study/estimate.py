"""What a study would cost, before anything is spent: models to train, hours, disk.

The weights need not be there: where they would be fetched, a network of the same shape stands in. What a run folder
holds already is counted by the weights it was begun with.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from leukolab.base.errors import RunError
from leukolab.base.home import Home
from leukolab.engine import describe, runtime
from leukolab.engine.cached import heads_first
from leukolab.engine.network import Classifier, build
from leukolab.engine.weights import Weights, source_of
from leukolab.results.folder import RunFolder
from leukolab.results.seals import sealed
from leukolab.spec import StudySpec
from leukolab.splits import index_fingerprint
from leukolab.study import resume
from leukolab.study.finish import check_report
from leukolab.study.fits import fit_seconds
from leukolab.study.jobs import Job, job_parts
from leukolab.study.needs import check_batches, check_disk, check_kernels, feature_bytes, passes, state_bytes
from leukolab.study.prepare import prepare
from leukolab.study.run import session_with
from leukolab.study.session import Session
from leukolab.study.side_by_side import processes
from leukolab.study.twins import seconds_left
from leukolab.study.work import heads_left

HEAD_SECONDS = 2e-5
"""Of one head for one image and epoch, trained with others; small beside the rest."""


@dataclass(frozen=True)
class Estimate:
    """What a run would train, and what that would take; hours are within a factor of two.

    Attributes:
        models: of the study.
        left: of these, to be trained.
        heads: to be trained together, before the rest of their models.
        audit_seconds: of the search for twins that comes before the split; 0 where it is done or not asked for. Until
            it is done, the split that is planned with may be another.
        audited: whether it is asked for.
    """

    models: int
    left: int
    heads: int
    hours: float
    disk_gib: float
    audit_seconds: float = 0.0
    audited: bool = True


def plan_study(
    spec: StudySpec, data: str | Path, run: str | Path, home: Home, on: str = "auto", retune: bool = False
) -> Estimate:
    """What `run_study` with these arguments would train and take; nothing is trained, the run folder is not touched.

    Raises:
        LeukolabError: what the run would be refused for.
    """
    check_report(spec)
    folder = RunFolder(Path(run))
    resume.check_folder(spec, folder)
    runtime.resolve_runtime(spec.runtime)
    material = prepare(spec, Path(data), home, search=False)
    resume.check_images(folder, index_fingerprint(material.index), material.class_names)
    workers = processes(on, spec, material)
    network = _network(spec, len(material.class_names), folder)
    asked = resume.runtime_asked(spec, folder) if retune else resume.runtime_begun(spec, folder)
    spec = spec.model_copy(update={"runtime": asked})
    with tempfile.TemporaryDirectory() as place:  # for the frozen part in the forms that are measured
        session, jobs = session_with(network, material, spec, folder, Home(Path(place)), workers, home)
        with runtime.settled(session.spec.runtime):
            check_batches(session)
            check_kernels(session)
            check_disk(session, jobs, home)
            left = seconds_left(material.index, spec.data, home)
            found = estimate(session, jobs, workers)
            return replace(found, audit_seconds=left, audited=spec.data.audit == "auto")


def estimate(session: Session, jobs: list[Job], workers: int = 1) -> Estimate:
    """Seconds of small measured batches times images and epochs of the models that are left, `workers` at once."""
    left = [job for job in jobs if not sealed(session.run.job(job.key))]
    costs = {}
    networks = [job for job in left if job.learning_rate is not None]
    for name in sorted({job.reading for job in networks}):
        trunk = session.bank(session.bank_depth(name)).trunk
        costs[name] = describe.measure(trunk, session.spec.readings[name].stages, session.depth(name))
    seconds = sum(_job_seconds(session, job, costs[job.reading]) for job in networks)
    seconds += fit_seconds(session.methods, [job for job in left if job.by_method])
    if costs:
        seconds += next(iter(costs.values())).trunk_seconds * passes(session, jobs) * len(session.material.index)
    disk = session.material.store.array.nbytes + feature_bytes(session, jobs) + state_bytes(session, jobs)
    return Estimate(len(jobs), len(left), len(heads_left(session, left)), seconds / 3600 / workers, disk / 2**30)


def _network(spec: StudySpec, classes: int, run: RunFolder) -> Classifier:
    """The study's network; where its weights would be fetched, one drawn at random under the name of these weights."""
    source = source_of(spec.model)
    if source != "hub":
        return build(spec.model, classes, spec.seed)
    network = build(spec.model.model_copy(update={"weights": "none"}), classes, spec.seed)
    network.stand_in = True
    begun = _weights_begun(spec, run)
    if begun is not None and begun.source == source:
        network.weights = begun
    return network


def _weights_begun(spec: StudySpec, run: RunFolder) -> Weights | None:
    """The weights the run was begun with; None where it was not begun, or with another model."""
    before = resume.spec_begun(run)
    if before is None or before.model != spec.model:
        return None
    try:
        found = run.architecture.weights
    except RunError:
        return None
    return Weights(**found) if found else None


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

"""Runs a study: material, jobs, rivals, scores, report; each step's result lies in the run folder.

The same command on the same folder goes on where it stopped: finished jobs are never done again.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from leukolab.base.files import make_folder, sweep
from leukolab.base.home import Home
from leukolab.base.marks import mark
from leukolab.engine import runtime
from leukolab.engine.fastest import fastest_runtime
from leukolab.engine.network import Classifier, build, check_size
from leukolab.plan import Event, Log, Place, hold, run_plan, usable_target, write_event, write_plan
from leukolab.results.folder import RunFolder
from leukolab.results.seals import drop_damaged, seal_run
from leukolab.spec import StudySpec
from leukolab.study import record, resume, work
from leukolab.study.finals import write_finals
from leukolab.study.fits import begin, list_fits
from leukolab.study.jobs import Job, list_jobs
from leukolab.study.memory import PROCESS_BYTES, check_fits
from leukolab.study.needs import check_batches, check_disk, check_kernels
from leukolab.study.prepare import Material, find_sources, packed
from leukolab.study.session import Session, cut_for
from leukolab.study.side_by_side import processes, where

NEWS = logging.getLogger(__name__)


def run_study(
    spec: StudySpec,
    data: str | Path,
    run: str | Path,
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
    from leukolab.study.finish import check_report, report_run

    check_report(spec, language)  # before anything is spent
    data, run = Path(data), Path(run)
    session = train_study(spec, data, run, home, on, retune)
    return report_run(run, session.material.store, language)


def train_study(spec: StudySpec, data: Path, run: Path, home: Home, on: str = "auto", retune: bool = False) -> Session:
    """`run_study` as far as the predictions of all models and rivals."""
    started = time.time()
    usable_target(on)  # what means nothing is refused before images are packed
    folder = RunFolder(run)
    resume.check_folder(spec, folder)
    runtime.resolve_runtime(spec.runtime)  # one that cannot be had is refused, too
    sources = find_sources(spec, data)
    spec = sources.settled(spec)
    with hold(mark(make_folder(run))):
        sweep(run)
        drop_damaged(folder)
        if retune:
            spec = resume.forget_runtime(spec, folder)
        material = packed(sources, spec, home)
        session, jobs = session_of(material, spec, folder, home, on)
        train_models(session, jobs, data, on)
        with runtime.settled(session.spec.runtime):
            record.write_rivals(session, jobs)
            write_finals(session.spec, folder, material, session.methods, jobs)
        record.collect(folder, jobs)
        record.write_environment(session, started)
        seal_run(folder)
    return session


def train_models(session: Session, jobs: list[Job], data: Path, on: str, log: Log = NEWS) -> None:
    """Write down what the run is, then train what is left of its models, wherever `on` says.

    Raises:
        StorageError: what is written here would not fit onto its disk.
        SpecError: so many processes would not fit into memory.
    """
    target = usable_target(on)
    if target.kind == "local":
        check_fits(min(target.workers, len(jobs)) * PROCESS_BYTES, "on")
        check_batches(session)
        check_kernels(session)
        check_disk(session, jobs, session.home)
    record.write_record(session, jobs)
    work.remember(session)
    tasks = work.list_tasks(session, jobs)
    run = session.run.path
    write_plan(run, tasks)
    write_event(run, Event("planned"))
    place = Place(run, session.home, data)
    run_plan(tasks, place, work.WORK, where(on, session.spec, session.material), InWords(log))


class InWords(logging.LoggerAdapter[Any]):
    """News whose arguments may be findings in text form, as jobs tell them: these are told in words."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Pass the line on."""
        from leukolab.report.texts import load_texts  # brings the figures' library, which no worker needs

        said = (load_texts().said(one) if isinstance(one, str) else one for one in args)
        super().log(level, msg, *said, **kwargs)


def session_of(
    material: Material, spec: StudySpec, run: RunFolder, home: Home, on: str = "auto"
) -> tuple[Session, list[Job]]:
    """Settings resolved and jobs listed, on images that are packed and split."""
    network = build(spec.model, len(material.class_names), spec.seed)
    workers = processes(on, spec, material)
    spec = spec.model_copy(update={"runtime": resume.runtime_begun(spec, run)})
    return session_with(network, material, spec, run, home, workers)


def session_with(
    network: Classifier,
    material: Material,
    spec: StudySpec,
    run: RunFolder,
    home: Home,
    workers: int,
    packed_in: Home | None = None,
) -> tuple[Session, list[Job]]:
    """`session_of` with this network and the runtime of `spec`, in which `workers` processes share the machine.

    What methods see is packed into `packed_in`, which is `home` where None.
    """
    check_size(network, spec.image.size_px)
    settings = runtime.resolve_runtime(spec.runtime, workers)
    depth = max((cut_for(spec, network, name) for name in spec.readings), default=0)
    with runtime.settled(settings):
        settings = fastest_runtime(network, spec.image.size_px, depth, settings, home, _passes(spec, material))
    methods = begin(spec.model_copy(update={"runtime": settings}), material, packed_in or home)
    session = Session(spec.model_copy(update={"runtime": settings}), run, home, material, network, methods)
    return session, [*list_jobs(session.spec, material, network.weights), *list_fits(session.spec, material, methods)]


def _passes(spec: StudySpec, material: Material) -> int:
    """Images that go through the frozen part, each view counted, about."""
    augment = spec.training.augment
    views = augment.views if augment.active and augment.views != "online" else 0
    return len(material.index) * (1 + views)

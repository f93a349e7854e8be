"""Scores and report of a run whose predictions are complete; needs no torch."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from leukolab.base.errors import SpecError, nearest
from leukolab.base.home import Home
from leukolab.images import PixelStore
from leukolab.plan import Event, hold, write_event
from leukolab.report.page import section_of, write_report
from leukolab.report.texts import load_texts
from leukolab.results.answers import answer_of
from leukolab.results.folder import RunFolder
from leukolab.results.outcome import write_outcome
from leukolab.results.seals import broken, check_run, seal_outcome, unseal_outcome
from leukolab.spec import StudySpec
from leukolab.stats import METRICS
from leukolab.study.thumbnails import Thumbnails

NEWS = logging.getLogger(__name__)


def check_report(spec: StudySpec, language: str = "en") -> None:
    """See that the report a study asks for can be written, before anything is trained.

    Raises:
        SpecError: a section, an answer, a metric, a limit, the labels or the language is not known.
    """
    texts = load_texts(language)
    for name in spec.report.sections:
        section_of(name)
    for name in spec.report.answers:
        answer_of(name)
    _check_known("report.primary", spec.report.primary, METRICS)
    for name in spec.report.limits:
        _check_known("report.limits", name, texts.names("limits"))
    if spec.report.labels:
        _check_known("report.labels", spec.report.labels, texts.label_sets())


def _check_known(setting: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise SpecError(f"{setting}: '{name}' is not known. {nearest(name, known)}", settings=(setting,))


def report_run(run: str | Path, pixels: PixelStore | Home | None, language: str = "en") -> Path:
    """`finish`, while no other process works in the run folder; noted in its ledger.

    Raises:
        RunError: as `finish`, or another process works there.
    """
    run = Path(run)
    folder = RunFolder(run)
    folder.spec  # noqa: B018  (a folder that is no run is refused before it is locked)
    with hold(run):
        check_run(folder)
        path = finish(folder, pixels, language)
        write_event(run, Event("reported"))
    return path


def finish(folder: RunFolder, pixels: PixelStore | Home | None, language: str = "en") -> Path:
    """Score the predictions of a run, choose a model, write the report.

    Args:
        folder: a run whose predictions are complete.
        pixels: the packed images, or the home folder where they may lie; pictures shown before are kept in the run.
        language: of the report.

    Returns:
        Path of the HTML report.

    Raises:
        RunError: predictions are missing or damaged.
        SpecError: there are no texts in that language.
    """
    NEWS.info("scores and report")
    load_texts(language)
    _say_changed(folder)
    unseal_outcome(folder)
    write_outcome(folder)
    seal_outcome(folder)
    thumbnails = Thumbnails.open(folder, pixels)
    path = write_report(folder, thumbnails.get, language=language)
    thumbnails.keep()
    return path


def _say_changed(folder: RunFolder) -> None:
    """Tell of scores and members that are not as they were written, before they are written anew."""
    for name in broken(folder, folder.sealing.outcome):
        NEWS.warning(f"{folder.path / name}: lost, damaged or changed since it was written; this is made again")

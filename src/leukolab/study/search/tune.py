"""Searches the best values of a study's settings on validation folds; the tuning and test parts stay unseen.

A trial is the training of a study with some settings changed: one model a fold, of one outer part under one protocol,
in a folder of its own. It is given the images of training and validation alone, packed for themselves, so that it
cannot read another. Pixels and frozen features in the home folder are shared by all trials.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from leukolab.base.errors import DataError, RunError, SpecError, TrainingError, nearest
from leukolab.base.files import make_folder, read_json, write_json
from leukolab.base.home import Home
from leukolab.base.keys import canonical_json
from leukolab.base.marks import mark_new
from leukolab.base.progress import duration
from leukolab.images import pack
from leukolab.plan import hold, read_target
from leukolab.results.calls import probabilities
from leukolab.results.folder import RunFolder
from leukolab.spec import RuntimeSpec, StudySpec
from leukolab.splits import Split, index_fingerprint
from leukolab.stats import METRICS
from leukolab.study.jobs import Job
from leukolab.study.prepare import Material, find_sources, packed
from leukolab.study.run import session_of, train_models
from leukolab.study.search.outcome import SCORES, best_of, trial_folder, write_found, write_trials
from leukolab.study.search.space import Dimension, filled
from leukolab.study.search.trials import Sampling, Trial, Trials, check, open_trials

NEWS = logging.getLogger(__name__)

RECORD, DATABASE = "tune.json", "tune.db"
SEEN = ("train", "validation")
"""The roles a trial is given."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Attributes:
        sampler, start: see `Sampling`.
        trials: in all; a finished search goes on with more.
        metric: of `stats`; the mean over the validation folds is what counts.
    """

    space: tuple[Dimension, ...]
    sampler: str = "tpe"
    trials: int = 20
    start: int = 8
    metric: str = "balanced_accuracy"


@dataclass(frozen=True)
class _Site:
    """A search at work: where, and on what."""

    spec: StudySpec
    search: Search
    folder: Path
    home: Home
    data: Path
    on: str
    seen: Material


def tune_study(
    spec: StudySpec, search: Search, data: str | Path, folder: str | Path, home: Home, on: str = "local"
) -> str:
    """Search, or go on with a search, and write what was found into its folder.

    Args:
        spec: the study; of `both` protocols the corrected one is taken, and of its outer parts the first.
        search: what is searched, and how.
        data: folder of images.
        folder: gets `tune.db`, `trials.csv`, `history.svg`, `slices.svg`, `best.yaml`.
        home: the home folder.
        on: where the models of a trial train.

    Returns:
        The command that runs the study with the best settings.

    Raises:
        LeukolabError: whatever the user can mend.
    """
    check()
    data, folder = Path(data), Path(folder)
    if search.metric not in METRICS:
        raise SpecError(
            f"metric: there is no metric '{search.metric}'. {nearest(search.metric, METRICS)}", settings=("metric",)
        )
    read_target(on)
    spec = _one_part(spec)
    _check_folder(folder, _record(spec, search))
    sources = find_sources(spec, data)
    with hold(mark_new(make_folder(folder))):
        whole = packed(sources, spec, home)
        _remember(folder, _record(spec, search), index_fingerprint(whole.index))
        place = _Site(spec, search, folder, home, data, on, _seen(whole, spec, home))
        higher = METRICS[search.metric].higher_is_better
        sampling = Sampling(search.space, search.sampler, search.start, spec.seed, higher)
        with open_trials(folder / DATABASE, sampling) as trials:
            _go_on(place, trials)
            return write_found(folder, spec, search.space, search.metric, trials.finished(), data)


def _one_part(spec: StudySpec) -> StudySpec:
    """The study under one protocol and on one outer part."""
    protocol = spec.believed_protocol
    if spec.protocol != protocol:
        NEWS.info(f"searching under the protocol '{protocol}'; the setting 'protocol' chooses")
    [reading] = spec.readings.values()
    outers = spec.outer_parts or reading.outer_parts.get(protocol) or (1,)
    return spec.model_copy(update={"protocol": protocol, "outer_parts": outers[:1]})


def _seen(whole: Material, spec: StudySpec, home: Home) -> Material:
    """What a trial is given: the images that train and validate in its outer part, and how they do."""
    [protocol], [outer] = spec.active_protocols, spec.outer_parts or (1,)
    split = whole.splits[protocol]
    if outer not in split.outers:
        raise SpecError(f"outer_parts: the {protocol} split has parts 1 to {split.outers[-1]}, {outer} was asked for.")
    table = split.table[(split.table["outer"] == outer) & split.table["role"].isin(SEEN)].reset_index(drop=True)
    index, groups = (
        table_of[table_of["image_id"].isin(table["image_id"])].reset_index(drop=True)
        for table_of in (whole.index, whole.groups)
    )
    seen = replace(whole, index=index, groups=groups, splits={protocol: Split(table, split.head)})
    return _packed(seen, spec, home)


def _packed(material: Material, spec: StudySpec, home: Home) -> Material:
    """The same images with pixels in the geometry of `spec`."""
    image, names = spec.image, list(material.index["image_id"])
    return replace(material, store=pack(material.paths, names, image.size_px, image.crop_px, home))


def _record(spec: StudySpec, search: Search) -> dict[str, Any]:
    """What must stay the same while a search goes on."""
    settings = asdict(search) | {"study": spec.model_dump(mode="json")}
    del settings["trials"]
    plain: dict[str, Any] = json.loads(canonical_json(settings))
    return plain


def _check_folder(folder: Path, record: dict[str, Any]) -> None:
    """Only the same search goes on in a folder."""
    mine = folder / RECORD
    others = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if not mine.exists():
        if others:
            raise RunError(
                f"{folder}: expected an empty folder or a search, found other files. Choose another search folder.",
                settings=("search folder",),
            )
        return  # empty, or a search was killed before its first trial
    before = read_json(mine)
    different = [name for name in record if before.get(name) != record[name]]
    if different:
        raise RunError(
            f"{folder}: this search was begun with other settings ({', '.join(different)}). "
            "Give the same ones (trials may grow), or choose another search folder.",
            settings=("trials", "search folder"),
        )


def _remember(folder: Path, record: dict[str, Any], fingerprint: str) -> None:
    path = folder / RECORD
    if path.exists() and read_json(path)["data"] != fingerprint:
        raise RunError(
            f"{folder}: this search was begun on other images. "
            "Choose another search folder, or give the same data folder.",
            settings=("search folder", "data folder"),
        )
    write_json(path, record | {"data": fingerprint})


def _go_on(place: _Site, trials: Trials) -> None:
    """Do the trials that are left."""
    spent: list[float] = []
    while len(done := trials.finished()) < place.search.trials:
        started = time.monotonic()
        trial = trials.begin()
        scores = _known(place, trial, done)
        if scores is None:
            scores = _scores(place, trial)
        write_json(trial_folder(place.folder, trial.number) / SCORES, scores)
        trials.finish(math.fsum(scores.values()) / len(scores) if scores else None)
        spent.append(time.monotonic() - started)
        write_trials(place.folder, place.search.metric, trials.finished())
        _tell(place, trials.finished(), spent)


def _known(place: _Site, trial: Trial, done: Sequence[Trial]) -> dict[str, float] | None:
    """Scores of an earlier trial with the same settings: genetic samplers repeat some."""
    same = [one.number for one in done if one.settings == trial.settings]
    scores: dict[str, float] | None = read_json(trial_folder(place.folder, same[0]) / SCORES) if same else None
    return scores


def _scores(place: _Site, trial: Trial) -> dict[str, float]:
    """Train the models of a trial, or go on with it; the score of each on its fold, none where one diverged."""
    run = trial_folder(place.folder, trial.number)
    spec = filled(place.spec, trial.settings).model_copy(update={"runtime": _runtime(place, run)})
    material = place.seen if spec.image == place.spec.image else _packed(place.seen, spec, place.home)
    folder = RunFolder(run)
    session, jobs = session_of(material, spec, folder, place.home, place.on)
    try:
        train_models(session, jobs, place.data, place.on, _Named(NEWS, {"trial": trial.number}))
    except TrainingError as error:
        NEWS.warning(f"trial {trial.number} counts as the worst: {error}")
        return {}
    scores = {str(job.fold): _score(folder, job, material, place.search.metric) for job in jobs}
    for path in (found for pattern in RunFolder.LARGE for found in run.glob(pattern)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return scores


class _Named(logging.LoggerAdapter[logging.Logger]):
    """News of a trial, each line with its number."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        return f"trial {(self.extra or {})['trial']}: {msg}", kwargs


def _runtime(place: _Site, run: Path) -> RuntimeSpec:
    """What this trial began with, else what the first one measured: all trials compute alike.

    Where the backbone is searched, each trial measures what computes its frozen part.
    """
    if RunFolder(run).has(RunFolder.SETTINGS):
        return RunFolder(run).spec.runtime
    first = RunFolder(trial_folder(place.folder, 1))
    if not first.has(RunFolder.SETTINGS):
        return place.spec.runtime
    runtime, asked = first.spec.runtime, place.spec.runtime
    if "model.backbone" in [one.path for one in place.search.space]:
        return runtime.model_copy(update={"trunk": asked.trunk, "trunk_batch_size": asked.trunk_batch_size})
    return runtime


def _score(run: RunFolder, job: Job, material: Material, metric: str) -> float:
    """A model's score on its own validation part.

    Raises:
        DataError: these images do not let the metric be measured.
    """
    table = run.job_predictions(job.key)
    table = table[table["role"] == "validation"]
    part = material.splits[job.protocol].part(job.outer, job.fold, "validation").set_index("image_id")["copies"]
    probs_nk = probabilities(table)
    copies = part.reindex(table["image_id"]).to_numpy(np.float64)
    score = METRICS[metric](table["label"].to_numpy(np.int64), probs_nk, copies)
    if not math.isfinite(score):
        raise DataError(
            f"fold {job.fold}: {metric} has no value on its validation images. Choose another metric.",
            settings=("metric",),
        )
    return score


def _tell(place: _Site, done: Sequence[Trial], spent: Sequence[float]) -> None:
    last, best = done[-1], best_of(done, place.search.metric)
    value = "diverged" if last.value is None else f"{place.search.metric} {last.value:.4f}"
    record = f", best {best.value:.4f} (trial {best.number})" if best is not None and best.value is not None else ""
    left = place.search.trials - len(done)
    ahead = f", about {duration(left * sum(spent) / len(spent))} left" if left else ""
    NEWS.info(f"trial {last.number} of {place.search.trials}: {value}{record}; took {duration(spent[-1])}{ahead}")

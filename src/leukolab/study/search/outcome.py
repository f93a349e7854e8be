"""What a search found: its table of trials, figures, and the study with the best settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from leukolab.base.csv_text import csv_text
from leukolab.base.errors import TrainingError
from leukolab.base.files import read_json, write_text
from leukolab.base.shell import pasted
from leukolab.report.figures.canvas import svg_of
from leukolab.report.figures.search import Axis, history, slices
from leukolab.report.texts import load_texts
from leukolab.spec import StudySpec
from leukolab.spec.yaml_text import study_yaml
from leukolab.stats import METRICS
from leukolab.study.search.space import Dimension, filled
from leukolab.study.search.trials import Trial

SCORES = "scores.json"
"""In the folder of a trial: its score by fold; empty where training diverged."""


def trial_folder(folder: Path, number: int) -> Path:
    """Where a trial lies."""
    return folder / "trials" / f"{number:04}"


def write_trials(folder: Path, metric: str, done: Sequence[Trial]) -> pd.DataFrame:
    """Write `trials.csv`, one row a trial: its state, the metric (mean over folds), each fold's, the settings."""
    rows = []
    for one in done:
        state = "diverged" if one.value is None else "done"
        folds = read_json(trial_folder(folder, one.number) / SCORES)
        scores = {f"fold_{fold}": score for fold, score in folds.items()}
        rows.append({"trial": one.number, "state": state, metric: one.value, **scores, **one.settings})
    table = pd.DataFrame(rows, dtype=object)
    settings = list(done[0].settings)
    table = table[[*(name for name in table if name not in settings), *settings]]
    write_text(folder / "trials.csv", csv_text(table))
    return table


def best_of(done: Sequence[Trial], metric: str) -> Trial | None:
    """The trial with the best value, of equal ones the earliest; None where all diverged."""
    sign = 1 if METRICS[metric].higher_is_better else -1
    return max((one for one in done if one.value is not None), key=lambda one: sign * (one.value or 0.0), default=None)


def write_found(
    folder: Path, spec: StudySpec, space: Sequence[Dimension], metric: str, done: Sequence[Trial], data: Path
) -> str:
    """Write table, figures and `best.yaml`; the command that runs it.

    Raises:
        TrainingError: training diverged in all trials.
    """
    table = write_trials(folder, metric, done)
    best = best_of(done, metric)
    if best is None:
        raise TrainingError(f"{folder}: training diverged in all {len(done)} trials. Search smaller learning rates.")
    write_text(folder / "best.yaml", study_yaml(filled(spec, best.settings)))
    title = load_texts().name("metrics", metric)
    values = table.set_index("trial")[metric].astype(float)
    seen = {one.path: [trial.settings[one.path] for trial in done] for one in space}
    figures = {
        "history": history(values, title, METRICS[metric].higher_is_better),
        "slices": slices(values, seen, [Axis(one.path, one.log, one.choices) for one in space], title),
    }
    for name, figure in figures.items():
        write_text(folder / f"{name}.svg", svg_of(figure))
    arguments = ["study", "run", str(folder / "best.yaml"), "--data", str(data), "--out", str(folder / "best")]
    return pasted(["leukolab", *arguments])

"""The same evaluation for predictions made elsewhere: one file in, scores with intervals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukolab.base.csv_text import csv_text
from leukolab.base.errors import DataError
from leukolab.base.files import write_text
from leukolab.base.findings import Finding
from leukolab.cards import Classes
from leukolab.stats import (
    check_predictions,
    classification_report,
    confusion,
    image_weights,
    make_replicates,
    score_table,
    subject_weights,
)
from leukolab.study.elsewhere import Meant, read_predictions
from leukolab.study.memory import check_fits, interval_bytes
from leukolab.study.pick import ALL, Pick

_Checked = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]
TABLES = ("scores", "confusion", "class_report")
"""The files of an evaluation, without their ending."""
EXCHANGED = 0.4
"""An AUC under this is taken as a sign of exchanged classes."""


@dataclass(frozen=True)
class Evaluation:
    """Tables of one set of predictions."""

    scores: pd.DataFrame
    """metric, unit (image or subject), value, low, high, interval (how it was made, as findings in text form)."""
    confusion: pd.DataFrame
    class_report: pd.DataFrame
    subjects_known: bool
    classes: Classes | None = None
    """Which class is the disease, and how that was decided; None of arrays, where it is class 1 of two."""
    meant: tuple[Meant, ...] = ()
    """Of a table, the column and the labels of each class."""
    findings: tuple[Finding, ...] = ()
    """Of a table, what a person should know of how it was read."""

    @property
    def exchanged(self) -> float | None:
        """The AUC by image where it is so far under 0.5 that classes may be exchanged."""
        mine = self.scores[(self.scores["metric"] == "auc") & (self.scores["unit"] == "image")]["value"]
        return float(mine.iloc[0]) if len(mine) and mine.iloc[0] < EXCHANGED else None

    @property
    def absent(self) -> list[str]:
        """Classes of which there is no image."""
        counts = self.confusion.set_index("actual").sum(axis=1)
        return [str(name) for name in counts.index[counts == 0]]

    def _repr_html_(self) -> str:
        """The scores as a table, for a notebook; what `interval` holds is said in words."""
        from leukolab.report.tables.common import scores_html
        from leukolab.report.texts import load_texts

        return scores_html(self.scores, load_texts())

    def rows(self) -> Iterator[tuple[str, str, float, float, float]]:
        """Metric, unit, value and interval of each score; the interval is NaN where there is none."""
        for record in self.scores.to_dict("records"):
            numbers = (float(record[name]) for name in ("value", "low", "high"))
            yield (str(record["metric"]), str(record["unit"]), *numbers)  # type: ignore[misc]


def evaluate(
    y_true: npt.ArrayLike,
    y_prob: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    bootstrap: int = 2000,
    seed: int = 2019,
) -> Evaluation:
    """Every score of some predictions, with intervals over groups.

    Args:
        y_true: int (n,), labels from 0; whole numbers as float are taken.
        y_prob: float (n, k), probabilities of the classes; rows sum to 1.
        sample_weight: float (n,), how often each image counts, 0 or more; once where None.
        groups: (n,), the subject of each image; there are no intervals where None, or where the subject of an image
            is missing (None, NaN).
        class_names: of the k classes; their numbers where None.
        bootstrap: replicates of each interval.
        seed: of the replicates.

    Raises:
        DataError: an argument is of another length or kind than the others need, or the predictions cannot be scored.
        SpecError: the replicates would not fit into the memory of this machine.
    """
    return _evaluated(_checked(y_true, y_prob, sample_weight, groups, class_names), class_names, bootstrap, seed)


def _evaluated(
    given: _Checked, class_names: Sequence[str] | None, bootstrap: int, seed: int, why_none: Finding | None = None
) -> Evaluation:
    """`evaluate` of arguments that were checked; without intervals where `why_none` says why."""
    labels, probs, copies, found = given
    names = tuple(class_names) if class_names is not None else tuple(str(k) for k in range(probs.shape[1]))
    groups_n = np.arange(len(labels)).astype(str) if found is None else found
    if found is not None:
        check_fits(interval_bytes(bootstrap, len(np.unique(found)), probs.shape[1]), "bootstrap")
    draws = make_replicates(labels, groups_n, bootstrap, seed, found is not None, why_none)
    units = {"subject": subject_weights(copies, groups_n)} if found is not None else {}
    units |= {"image": image_weights(copies)}
    scores = [score_table(labels, probs, weights_n, unit, draws) for unit, weights_n in units.items()]
    matrix = pd.DataFrame(confusion(labels, probs, copies).astype(int), columns=list(names))
    matrix.insert(0, "actual", list(names))
    report = classification_report(labels, probs, copies, names)
    return Evaluation(pd.concat(scores, ignore_index=True), matrix, report, found is not None)


def evaluate_file(
    path: Path, bootstrap: int = 2000, seed: int = 2019, positive: Sequence[str] = (), pick: Pick = ALL
) -> Evaluation:
    """`evaluate` of the predictions in a CSV or Parquet file, see `elsewhere.read_predictions`.

    Args:
        path: the table.
        bootstrap: replicates of each interval.
        seed: of the replicates.
        positive: the class of the disease; told by the run or the names where empty.
        pick: whose predictions on which part, where the table holds several.

    Raises:
        DataError: columns are missing, a label is not a class, or the predictions cannot be scored.
        RunError: the table is of a run and was changed since.
        SpecError: of two classes nobody says which one is the disease, or `positive` is no class.
    """
    read = read_predictions(path, positive, pick)
    names = read.classes.names
    given = _checked(read.labels_n, read.probs_nk, None, read.subjects_n, names)
    found = _evaluated(given, names, bootstrap, seed, read.unjudged)
    return replace(found, classes=read.classes, meant=read.meant, findings=read.findings)


def write_evaluation(evaluation: Evaluation, out: Path, words: Callable[[str], str]) -> None:
    """Write the tables into the folder `out` as CSV; `words` turns the column `interval` into what a person reads.

    Raises:
        StorageError: the folder cannot be written.
    """
    readable = evaluation.scores.assign(interval=evaluation.scores["interval"].map(words))
    evaluation = replace(evaluation, scores=readable)
    for name in TABLES:
        write_text(out / f"{name}.csv", csv_text(getattr(evaluation, name)))


def _checked(
    y_true: npt.ArrayLike,
    y_prob: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None,
    groups: npt.ArrayLike | None,
    class_names: Sequence[str] | None,
) -> _Checked:
    """Labels int (n,), probabilities float64 (n, k), weights float64 (n,), names of groups (n,) or None.

    Raises:
        DataError: an argument is not as `evaluate` says.
    """
    probs_nk = _floats("y_prob", y_prob)
    if probs_nk.ndim != 2:
        raise DataError(
            f"y_prob: expected the shape (n, k), one column per class, got {probs_nk.shape}. "
            "With two classes give both columns: 1 - p and p."
        )
    n, k = probs_nk.shape
    labels_n = _whole("y_true", y_true)
    _check_length("y_true", labels_n.shape, n, "row of y_prob")
    check_predictions(labels_n, probs_nk)
    if class_names is not None:
        _check_length("class_names", (len(class_names),), k, "column of y_prob")
    weights_n = np.ones(n) if sample_weight is None else _floats("sample_weight", sample_weight)
    _check_length("sample_weight", weights_n.shape, n, "row of y_prob")
    if not np.isfinite(weights_n).all() or weights_n.min() < 0 or not weights_n.any():
        raise DataError(
            "sample_weight: expected numbers of 0 or more, one above 0 at least, found others. "
            "Give how often each image counts."
        )
    return labels_n, probs_nk, weights_n, _known_groups(groups, weights_n)


def _known_groups(groups: npt.ArrayLike | None, weights_n: np.ndarray) -> np.ndarray | None:
    """Names of groups (n,); None where the group of an image is missing.

    Raises:
        DataError: they are of another length than the weights, or a group has no weight.
    """
    if groups is None:
        return None
    objects_n = np.asarray(groups, dtype=object)
    _check_length("groups", objects_n.shape, len(weights_n), "row of y_prob")
    if pd.isna(objects_n).any():
        return None
    names_n = np.asarray(groups).astype(str)
    empty = set(names_n) - set(names_n[weights_n > 0])
    if empty:
        raise DataError(
            f"sample_weight: expected a weight above 0 for each of the groups, got only 0 for '{min(empty)}'. "
            "Leave its images out."
        )
    return names_n


def _floats(what: str, values: npt.ArrayLike) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{what}: expected numbers, found something else ({error}).") from error


def _whole(what: str, values: npt.ArrayLike) -> np.ndarray:
    """Whole numbers as int64; text is refused also where it reads as a number."""
    given = np.asarray(values)
    texts = [value for value in given.ravel() if isinstance(value, str)] if given.dtype.kind in "UO" else []
    found = np.empty(0) if texts else _floats(what, values)
    wrong = texts or list(found[~np.isfinite(found) | (found != np.floor(found))])
    if wrong:
        raise DataError(
            f"{what}: expected whole numbers from 0, got {wrong[0]}. Give the place of each class in class_names."
        )
    return found.astype(np.int64)


def _check_length(what: str, shape: tuple[int, ...], count: int, each: str) -> None:
    if shape != (count,):
        raise DataError(f"{what}: expected one for each {each}, the shape {(count,)}, got {shape}.")

"""The same evaluation for predictions made elsewhere: one file in, scores with intervals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukolab.base.errors import DataError
from leukolab.base.files import read_table, write_text
from leukolab.stats import (
    classification_report,
    confusion,
    image_weights,
    make_bootstrap,
    score_table,
    subject_weights,
)


@dataclass(frozen=True)
class Evaluation:
    """Tables of one set of predictions."""

    scores: pd.DataFrame
    confusion: pd.DataFrame
    class_report: pd.DataFrame
    subjects_known: bool

    @property
    def absent(self) -> list[str]:
        """Classes of which there is no image."""
        counts = self.confusion.set_index("actual").sum(axis=1)
        return [str(name) for name in counts.index[counts == 0]]

    def _repr_html_(self) -> str:
        """The scores as a table, for a notebook."""
        return str(self.scores.to_html(index=False, float_format="{:.3f}".format))

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
        y_true: int (n,), labels from 0.
        y_prob: float (n, k), probabilities of the classes; rows sum to 1.
        sample_weight: float (n,), how often each image counts; once where None.
        groups: (n,), the subject of each image; intervals are drawn over images where None, and too narrow then.
        class_names: of the k classes; their numbers where None.
        bootstrap: replicates of each interval.
        seed: of the replicates.

    Raises:
        DataError: the predictions cannot be scored.
    """
    labels, probs = np.asarray(y_true), np.asarray(y_prob, dtype=np.float64)
    names = tuple(class_names) if class_names is not None else tuple(str(k) for k in range(probs.shape[1]))
    copies = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    groups_n = np.arange(len(labels)).astype(str) if groups is None else np.asarray(groups).astype(str)
    draws = make_bootstrap(labels, groups_n, bootstrap, seed, groups is not None)
    units = {"image": image_weights(copies)}
    units |= {"subject": subject_weights(copies, groups_n)} if groups is not None else {}
    scores = [score_table(labels, probs, weights_n, unit, draws) for unit, weights_n in units.items()]
    matrix = pd.DataFrame(confusion(labels, probs, copies).astype(int), columns=list(names))
    matrix.insert(0, "actual", list(names))
    report = classification_report(labels, probs, copies, names)
    return Evaluation(pd.concat(scores, ignore_index=True), matrix, report, groups is not None)


def evaluate_file(path: Path, bootstrap: int = 2000, seed: int = 2019) -> Evaluation:
    """`evaluate` of the predictions in a CSV or Parquet file.

    Args:
        path: a table with `label` (a class name or a whole number from 0), one `p_<class>` column per class, in the
            order of the labels, and perhaps `subject`.

    Raises:
        DataError: columns are missing, a label is not a class, or the predictions cannot be scored.
    """
    table = _read(path)
    columns = [name for name in table.columns if str(name).startswith("p_")]
    names = tuple(str(name).removeprefix("p_") for name in columns)
    if len(columns) < 2 or "label" not in table:
        found = ", ".join(str(name) for name in table.columns) or "none"
        raise DataError(f"{path}: expected the columns 'label' and one 'p_<class>' for each class, found: {found}.")
    if not len(table):
        raise DataError(f"{path}: expected at least one row of predictions, found none.")
    probs_nk = np.stack([_numbers(table[name], path) for name in columns], axis=1)
    known = "subject" in table and bool(table["subject"].notna().all())
    groups_n = table["subject"].astype(str).to_numpy() if known else None
    labels_n = _labels(table["label"], names, path)
    return evaluate(labels_n, probs_nk, None, groups_n, names, bootstrap, seed)


def write_evaluation(evaluation: Evaluation, out: Path, words: Callable[[str], str]) -> None:
    """Write the tables into the folder `out` as CSV; `words` turns the column `interval` into what a person reads."""
    readable = evaluation.scores.assign(interval=evaluation.scores["interval"].map(words))
    evaluation = replace(evaluation, scores=readable)
    for name in ("scores", "confusion", "class_report"):
        write_text(out / f"{name}.csv", getattr(evaluation, name).to_csv(index=False, lineterminator="\n"))


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: expected a CSV or Parquet file of predictions, found none.")
    if path.suffix == ".parquet":
        return read_table(path)
    try:
        return pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: expected a CSV table, found something else ({str(error).splitlines()[0]})."
        ) from error


def _numbers(column: pd.Series, path: Path) -> np.ndarray:
    try:
        return column.to_numpy(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: {column.name}: expected numbers, found something else ({error}).") from error


def _labels(column: pd.Series, names: tuple[str, ...], path: Path) -> np.ndarray:
    """Labels as whole numbers (n,), from class names or numbers."""
    numbers = {str(n): n for n in range(len(names))} if not any(name.isdigit() for name in names) else {}
    numbers |= {name: number for number, name in enumerate(names)}
    labels = column.astype(str).str.removesuffix(".0").map(numbers)
    if labels.isna().any():
        wrong = column[labels.isna()].iloc[0]
        raise DataError(
            f"{path}: label: expected one of {', '.join(names)} (or 0 to {len(names) - 1}), "
            f"got '{wrong}' in row {int(labels.isna().to_numpy().argmax()) + 1}."
        )
    return labels.to_numpy(np.int64)

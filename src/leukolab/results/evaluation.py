"""The same evaluation for predictions made elsewhere: one file in, scores with intervals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
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

    def rows(self) -> Iterator[tuple[str, str, float, float, float]]:
        """Metric, unit, value and interval of each score; the interval is NaN where there is none."""
        for record in self.scores.to_dict("records"):
            numbers = (float(record[name]) for name in ("value", "low", "high"))
            yield (str(record["metric"]), str(record["unit"]), *numbers)  # type: ignore[misc]


def evaluate(path: Path, bootstrap: int = 2000, seed: int = 2019) -> Evaluation:
    """Score the predictions in a CSV or Parquet file.

    Args:
        path: a table with `label` (a class name or a whole number from 0), one `p_<class>` column a class, in the
            order of the labels, and perhaps `subject`.
        bootstrap: replicates of each interval.
        seed: of the replicates.

    Raises:
        DataError: columns are missing, a label is no class, or a probability is none.
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
    labels_n = _labels(table["label"], names, path)
    known = "subject" in table and bool(table["subject"].notna().all())
    groups_n = table["subject"].astype(str).to_numpy() if known else np.arange(len(table)).astype(str)
    draws = make_bootstrap(labels_n, groups_n, bootstrap, seed, known)
    ones = np.ones(len(table))
    units = {"image": image_weights(ones)} | ({"subject": subject_weights(ones, groups_n)} if known else {})
    scores = [score_table(labels_n, probs_nk, weights_n, unit, draws) for unit, weights_n in units.items()]
    matrix = pd.DataFrame(confusion(labels_n, probs_nk, ones).astype(int), columns=list(names))
    matrix.insert(0, "actual", list(names))
    report = classification_report(labels_n, probs_nk, ones, names)
    return Evaluation(pd.concat(scores, ignore_index=True), matrix, report, known)


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

"""A table of predictions made elsewhere, as people save it: which column and which label belong to which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.base.errors import DataError
from leukolab.base.files import read_table
from leukolab.base.findings import Finding
from leukolab.cards.classes import Classes, classes_said
from leukolab.cards.meaning import meaning
from leukolab.cards.reading import left_out
from leukolab.cards.subjects import merges, named, one_spelling
from leukolab.cards.tables import read_frame
from leukolab.report.texts import languages, load_texts
from leukolab.study.pick import ALL, MODELS, PARTS, Pick, check_run_of, picked, run_of

CALLED = ("called", "class", "predicted", "prediction")
"""Columns that may hold the name of the class called."""
ASKED = ("label", "subject", "image_id", *CALLED, *MODELS, PARTS)
"""Columns that are read beside the probabilities, in any case."""


@dataclass(frozen=True)
class Meant:
    """One class of a table: its column, and the labels that stand for it."""

    class_name: str
    column: str
    labels: tuple[str, ...]
    images: int


@dataclass(frozen=True)
class Predictions:
    """What a table of predictions holds; the classes of the disease come last."""

    labels_n: NDArray[np.int64]
    probs_nk: NDArray[np.float64]
    subjects_n: pd.Series | None
    images_n: pd.Series | None
    """Names of the images, where the table has them."""
    classes: Classes
    meant: tuple[Meant, ...]
    findings: tuple[Finding, ...] = ()
    """Whose rows were read, where the table holds more; subjects that differ in their spelling alone, taken as one."""
    unjudged: Finding | None = None
    """Why there are no intervals, where a run says it."""
    barred: Finding | None = None
    """Why differences are not tested, where a run says it."""


def read_predictions(path: Path, positive: Sequence[str] = (), pick: Pick = ALL) -> Predictions:
    """The predictions in a CSV or Parquet file, or in a table of a run.

    Args:
        path: a table with `label` (a class name in any case, a whole number from 0 in the order of the columns, or the
            name of a called class), one `p_<class>` per class, perhaps `subject` and `called`.
        positive: the class of the disease; told by the run or the names where empty.
        pick: whose predictions on which part, where the table has columns `member` (or `job`) and `role`.

    Raises:
        DataError: columns are missing, a label is no class, an image stands there twice, or several models are there
            and `pick` names none.
        RunError: the table is of a run and was changed since.
        SpecError: of two classes nobody says which one is the disease, or `positive` is no class.
    """
    run = run_of(path)
    if run is not None:
        check_run_of(path, run)
    rows = picked(_read(path), path, pick, run)
    table = rows.table
    columns = [name for name in table.columns if name.lower().startswith("p_")]
    label = next((name for name in table.columns if name.lower() == "label"), None)
    if len(columns) < 2 or label is None:
        found = ", ".join(table.columns) or "none"
        raise DataError(f"{path}: expected the columns 'label' and one 'p_<class>' for each class, found: {found}.")
    if not len(table):
        raise DataError(f"{path}: expected at least one row of predictions, found none.")
    probs_nk = np.stack([_numbers(table[name], path) for name in columns], axis=1)
    named = _called(table, probs_nk, [name[2:] for name in columns])
    codes = _codes(table[label], named, path)
    classes = classes_said(named, positive, rows.positive)
    read = _in_order(table, codes, probs_nk, classes, _Columns(columns, named, label))
    _check_images(read.images_n, path)
    return replace(read, findings=(*rows.findings, *read.findings), unjudged=rows.unjudged, barred=rows.barred)


def _check_images(images_n: pd.Series | None, path: Path) -> None:
    named_n = pd.Series(dtype=object) if images_n is None else images_n.dropna()
    if named_n.duplicated().any():
        raise DataError(
            f"{path}: image_id: expected each image once, found '{named_n[named_n.duplicated()].iloc[0]}' again. "
            "Keep the predictions of one model on one part."
        )


@dataclass(frozen=True)
class _Columns:
    probabilities: Sequence[str]
    names: Sequence[str]
    label: str


def _in_order(
    table: pd.DataFrame, codes: Mapping[str, int], probs_nk: NDArray[np.float64], classes: Classes, columns: _Columns
) -> Predictions:
    """The predictions with the columns in the order of `classes`."""
    classes.check_decided()
    written = _written(table[columns.label])
    order = [list(columns.names).index(name) for name in classes.names]
    places = {text: order.index(code) for text, code in codes.items()}
    labels_n = np.array([places[text] for text in written], dtype=np.int64)
    meant = tuple(
        Meant(
            name,
            columns.probabilities[code],
            tuple(text for text, other in codes.items() if other == code),
            int((labels_n == place).sum()),
        )
        for place, (name, code) in enumerate(zip(classes.names, order, strict=True))
    )
    subjects_n, images_n = (_column(table, name) for name in ("subject", "image_id"))
    subjects_n, found = _persons(subjects_n)
    return Predictions(labels_n, probs_nk[:, order], subjects_n, images_n, classes, meant, found)


def _persons(subjects_n: pd.Series | None) -> tuple[pd.Series | None, tuple[Finding, ...]]:
    """Subjects with one spelling for each person, nothing where a name stands for nobody; and what was merged."""
    if subjects_n is None:
        return None, ()
    names_n = subjects_n.astype(object).map(lambda name: None if pd.isna(name) else named(str(name)))
    spelled = one_spelling(names_n.dropna())
    return names_n.replace(spelled), left_out("read.subjects_merged", merges(spelled), "warning")


def _column(table: pd.DataFrame, wanted: str) -> pd.Series | None:
    """The column of that name in any case; None where there is none."""
    found = next((name for name in table.columns if name.lower() == wanted), None)
    return None if found is None else table[found]


def _read(path: Path) -> pd.DataFrame:
    """The table, its columns named without spaces around them.

    Raises:
        DataError: there is none, or two of its columns are what is asked for.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a CSV or Parquet file of predictions, found none.")
    parquet = path.suffix.lower() == ".parquet"
    table = read_table(path).rename(columns=lambda name: str(name).strip()) if parquet else read_frame(path)
    names = [name if name.lower().startswith("p_") else name.lower() for name in table.columns]
    twice = [name for name in (*ASKED, *table.columns) if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: expected columns with names of their own, found two of '{twice[0]}'. Rename one.")
    return table


def _numbers(column: pd.Series, path: Path) -> NDArray[np.float64]:
    """Numbers (n,), also with decimal commas."""
    if column.dtype.kind not in "fiu":
        column = column.astype(str).str.strip().str.replace(",", ".", regex=False)
    try:
        return column.to_numpy(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: {column.name}: expected numbers, found something else ({error}).") from error


def _called(table: pd.DataFrame, probs_nk: NDArray[np.float64], names: Sequence[str]) -> tuple[str, ...]:
    """Names of the classes: those of the columns; of columns that are only numbered, those of the calls beside them."""
    numbered = [str(number) for number in range(len(names))] == list(names)
    column = next((name for name in table.columns if name.lower() in CALLED), None)
    if not numbered or column is None:
        return tuple(names)
    pairs = {(int(place), text) for place, text in zip(probs_nk.argmax(axis=1), _written(table[column]), strict=True)}
    found = dict(pairs)
    whole = len(pairs) == len(found) == len(set(found.values())) == len(names)
    return tuple(found[place] for place in range(len(names))) if whole else tuple(names)


def _codes(column: pd.Series, names: Sequence[str], path: Path) -> dict[str, int]:
    """Each label as it is written, and the column it stands for."""
    written = _written(column)
    known = {text: _code(text, names) for text in dict.fromkeys(written)}
    if None in known.values():
        row = int(written.map(known).isna().to_numpy().argmax())
        raise DataError(
            f"{path}: label: expected one of {', '.join(names)} (or 0 to {len(names) - 1}), "
            f"got '{column.iloc[row]}' in row {row + 1}."
        )
    return {text: code for text, code in known.items() if code is not None}


def _code(text: str, names: Sequence[str]) -> int | None:
    """The class a label stands for: by name, in any case, by number, as people say it, or as the only one so meant."""
    if text in names:
        return list(names).index(text)
    folded = [name.casefold() for name in names]
    if folded.count(text.casefold()) == 1:
        return folded.index(text.casefold())
    if text.isdigit() and int(text) < len(names) and not any(name.isdigit() for name in names):
        return int(text)
    said = [place for place, name in enumerate(names) if text.casefold() in _said(name)]
    alike = [place for place, name in enumerate(names) if meaning(text) and meaning(name) == meaning(text)]
    found = said or alike
    return found[0] if len(found) == 1 else None


def _said(name: str) -> set[str]:
    """What people say of a class, in every language."""
    entries = [load_texts(language).entries for language in languages()]
    keys = [key for key in entries[0] if key.startswith("classes.") and key.rpartition(".")[2] == name]
    return {one[key].casefold() for one in entries for key in keys}


def _written(column: pd.Series) -> pd.Series:
    """Labels as text; a whole number as such, nothing where there is none."""
    text = column.astype(object).where(column.notna(), "").astype(str)
    return text.str.strip().str.replace(r"^(\d+)[.,]0+$", r"\1", regex=True)

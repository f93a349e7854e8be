"""Which files of a report may leave the machine: those with neither a picture of a cell nor the name of one."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from leukolab.base.csv_text import unguarded
from leukolab.results.folder import RunFolder

NAMING = frozenset({"image_id", "other_id", "path", "group", "pixel_digest"})
"""Columns that name an image or a person."""


def shareable(folder: RunFolder) -> dict[str, Path]:
    """Tables, figures and the methods paragraph of a run's report, `report/...` to the file.

    Left out are the page itself, a figure that holds a raster picture (or cannot be looked into), and a table that
    names an image or a person; when in doubt, a file is left out.

    Raises:
        RunError: the index of the run is missing or damaged.
    """
    report, index = folder.page.parent, folder.index
    images, subjects = _texts(index["image_id"]), _texts(index["subject"])
    figures = [path for path in report.glob(f"{RunFolder.FIGURES}/*.*") if _is_drawing(path.with_suffix(".svg"))]
    tables = [
        path
        for path in report.glob(f"{RunFolder.TABLES}/*.*")
        if _names_nobody(path.with_suffix(".csv"), images, subjects)
    ]
    methods = [path for path in [report / RunFolder.PARAGRAPH] if path.is_file()]
    return {path.relative_to(folder.path).as_posix(): path for path in sorted([*figures, *tables, *methods])}


def _texts(column: pd.Series) -> set[str]:
    return {str(name) for name in column.dropna()}


def _is_drawing(svg: Path) -> bool:
    """Whether a figure is made of lines and letters alone."""
    return svg.is_file() and "<image" not in svg.read_text(encoding="utf-8")


def _names_nobody(table: Path, images: set[str], subjects: set[str]) -> bool:
    """Whether no cell of a CSV names an image or a person; a bare number is a person under `subject` only."""
    if not table.is_file():
        return False
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [{name: unguarded(value or "") for name, value in row.items()} for row in csv.DictReader(stream)]
    if rows and NAMING & set(rows[0]):
        return False
    anywhere = images | {name for name in subjects if not name.isdigit()}
    return not any(row.get("subject") in subjects or anywhere & set(row.values()) for row in rows)

"""Tables as people save them: UTF-8 or UTF-16, commas, semicolons or tabs, empty rows at the end."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from leukolab.base.csv_text import unguarded
from leukolab.base.errors import DataError
from leukolab.base.files import read_small

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
MOST_BYTES = 128 * 2**20
"""Of a table; a million rows of predictions hold about half of it."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class TextTable:
    """A table, its empty rows left out."""

    path: Path
    columns: tuple[str, ...]
    """As written, spaces around them removed."""
    lines: tuple[tuple[int, Mapping[str, str]], ...] = field(repr=False)
    """Number of the line in the file, and values by column in lower case, spaces around them removed."""

    def column(self, name: str) -> str | None:
        """The key of the column `name`, in any case; None where there is none."""
        wanted = name.strip().lower()
        return wanted if wanted in (column.lower() for column in self.columns) else None

    def lacks(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` that are no column."""
        return tuple(name for name in names if self.column(name) is None)


def read_table(path: Path) -> TextTable:
    """A table with one line of column names.

    Raises:
        DataError: it is missing, no text, or no table.
    """
    text, separator = table_text(path)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        columns = tuple(unguarded(name.strip()) for name in next(reader, []))
        lines = tuple(_lines(reader, [name.lower() for name in columns]))
    except csv.Error as error:
        raise DataError(f"{path}: expected a table with one row per line, found something else ({error}).") from error
    return TextTable(path, columns, lines)


def read_frame(path: Path) -> pd.DataFrame:
    """A table as a frame of texts, nothing where a cell is empty; spaces around names of columns are removed.

    Raises:
        DataError: it is missing, no text, no table, or two of its columns bear one name.
    """
    text, separator = table_text(path)
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, skipinitialspace=True)
    except (ValueError, csv.Error) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: expected a CSV table, found something else ({first}).") from error
    twice = sorted(name for name, count in Counter(map(str.strip, names)).items() if name and count > 1)
    if twice:
        raise DataError(f"{path}: expected columns with names of their own, found two of '{twice[0]}'. Rename one.")
    cells = table.map(lambda value: unguarded(value) if isinstance(value, str) else value)
    return cells.rename(columns=lambda name: unguarded(str(name).strip()))


def table_text(path: Path) -> tuple[str, str]:
    """The text of a table and its separator: the commonest of comma, semicolon and tab in its first line.

    Raises:
        DataError: it is missing or no text.
    """
    text = _text(path)
    if text.lower().startswith("sep="):
        text = text.partition("\n")[2]
    return text, max(",;\t", key=text.partition("\n")[0].count)


def looks_like_table(path: Path) -> bool:
    """Whether the ending is that of a table."""
    return path.suffix.lower() in TABLE_SUFFIXES


def _lines(reader: Iterator[list[str]], keys: list[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    for values in reader:
        stripped = [unguarded(value.strip()) for value in values]
        if any(stripped):
            padded = stripped + [""] * (len(keys) - len(stripped))
            yield reader.line_num, dict(zip(keys, padded, strict=False))  # type: ignore[attr-defined]


def _text(path: Path) -> str:
    try:
        raw = read_small(path, MOST_BYTES)
    except OSError as error:
        raise DataError(f"{path}: expected a table that can be read, found none ({error.strerror}).") from error
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), _unmarked(raw))
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected a table in UTF-8 or UTF-16, found other bytes at {error.start:,}. "
            "Save it again as 'CSV UTF-8'."
        ) from error


def _unmarked(raw: bytes) -> str:
    """UTF-16 shows in the zeros of its first letters."""
    if raw[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if raw[:1] == b"\0" else "utf-8"

"""A table of images: a path and a label in each row, perhaps a subject and a part."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.cards.datasets.folder.patterns import Patterns, check_swift, chosen
from leukolab.cards.index import Found, image_id
from leukolab.cards.listing import image_files
from leukolab.cards.subjects import named, spelling_key
from leukolab.cards.tables import TextTable, read_table
from leukolab.spec import DataSpec

NEEDED, OPTIONAL = ("path", "label"), ("subject", "part")


def rows_of(path: Path, spec: DataSpec, patterns: Patterns) -> tuple[list[Found], tuple[Finding, ...]]:
    """The images a table lists, and what was left out.

    Raises:
        DataError: it lacks a column, a row has no label, or an image is not there.
    """
    table = read_table(path)
    keys = _columns(table, spec)
    files = _Files(path.parent)
    found = list(_rows(table, keys, files))
    if files.missing:
        raise DataError(
            f"{path}: expected every image it lists, found {len(files.missing):,} of {len(table.lines):,} missing, "
            f"such as '{files.missing[0]}'. Paths are read from the folder of the table."
        )
    _check_labels(path, found)
    names = [image_id(path.parent, one.path) for one in found]
    check_swift(patterns, names)
    keep, findings = chosen(names, spec)
    return [one for one, kept in zip(found, keep, strict=True) if kept], findings


def _columns(table: TextTable, spec: DataSpec) -> dict[str, str]:
    """Our name of each column to its key in the table."""
    wanted = {name: name for name in NEEDED} | {str(name): theirs for name, theirs in spec.columns.items()}
    lacking = table.lacks(tuple(wanted.values()))
    if lacking:
        shown = ", ".join(table.columns) or "none"
        raise DataError(
            f"{table.path}: expected the columns {' and '.join(wanted.values())}, found {shown}: "
            f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing. Say how a column is called by "
            "data.columns, such as label=class.",
            settings=("data.columns",),
        )
    names = wanted | {name: name for name in OPTIONAL if name not in wanted and table.column(name)}
    return {name: str(table.column(theirs)) for name, theirs in names.items()}


def _rows(table: TextTable, keys: dict[str, str], files: _Files) -> Iterator[Found]:
    lines: dict[Path, int] = {}
    for number, line in table.lines:
        label, place = named(line[keys["label"]]), line[keys["path"]]
        for what, given in (("label", label), ("path", place)):
            if not given:
                raise DataError(
                    f"{table.path}: line {number}: expected a {what}, found nothing. Fill it in or remove the line."
                )
        file = files.find(place)
        first = lines.setdefault(file, number)
        if first != number:
            raise DataError(
                f"{table.path}: expected each image once, found '{place}' in the lines {first} and {number}. "
                "Remove one of the two."
            )
        subject = named(line[keys["subject"]]) if "subject" in keys else None
        part = (named(line[keys["part"]]) if "part" in keys else None) or "images"
        yield Found(file, re.sub(r"^(\d+)\.0+$", r"\1", str(label)), part, subject)


def _check_labels(path: Path, found: list[Found]) -> None:
    """Labels that differ in their spelling alone may be one class or two."""
    seen: dict[str, str] = {}
    for one in found:
        name = str(one.class_name)
        other = seen.setdefault(spelling_key(name), name)
        if other != name:
            raise DataError(
                f"{path}: expected classes with names of their own, found '{other}' and '{name}', which differ in "
                "their spelling alone. Write them alike, or give one another name."
            )


class _Files:
    """Finds the files that a table names: also with backslashes, in other case, or in another form of Unicode."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: list[str] = []

    def find(self, place: str) -> Path:
        """The file; where there is none, it is noted in `missing`."""
        slashed = place.replace("\\", "/").removeprefix("./")
        for path in (self.folder / place, self.folder / slashed):
            if _is_there(path):
                return path
        other = self._by_key.get(_key(slashed))
        if other is None:
            self.missing.append(place)
        return other or path

    @cached_property
    def _by_key(self) -> dict[str, Path]:
        return {_key(image_id(self.folder, path)): path for path in image_files(self.folder)}


def _is_there(path: Path) -> bool:
    """Whether a file lies there; False where one may not look. A pipe counts: it is refused when it is opened."""
    return os.path.exists(path) and not os.path.isdir(path)  # noqa: PTH110, PTH112


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()

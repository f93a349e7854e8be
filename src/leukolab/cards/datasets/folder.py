"""Images of one's own: a tree of class folders, or a CSV with the columns path, label and perhaps subject."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from leukolab.base.errors import DataError, SpecError
from leukolab.cards.card import Card
from leukolab.cards.index import Found, image_id, make_index
from leukolab.cards.listing import DEEP, child_folders, has_image, image_files, natural
from leukolab.cards.readability import verify_readable
from leukolab.cards.verdict import VerifyResult

CARD = Card(
    name="folder",
    title="A folder of your own images",
    source="yours",
    doi="",
    licence="yours",
    class_names=(),
    parts=("images",),
    subjects_known=False,
    layout="one folder per class, or a CSV with columns path, label and perhaps subject",
    notes=(
        "Classes are the folders' names, or the labels of the CSV, in sorted order, those of the disease last.",
        "The setting data.positive says which class is the disease; without it unmistakable names do, in several "
        "languages. Two classes of which nobody says it are refused.",
        "The setting data.subject_from says where a path names the subject: a pattern whose first group is the "
        "subject, searched in the relative path.",
        "Without subjects every score is an upper bound.",
    ),
    subject_from=True,
    generic=True,
)


def find_root(path: Path) -> Path | None:
    """A CSV file with the columns, or the first folder with two class folders on the way down through single ones."""
    folder = path
    for _ in range(DEEP + 1):
        table = _csv_in(folder)
        if table is not None:
            return table
        classes = _class_folders(folder)
        if len(classes) >= 2:
            return folder
        if len(classes) != 1:
            return None
        folder = classes[0]
    return None


def read_index(
    root: Path, parts: tuple[str, ...] | None = None, view: str | None = None, subject_from: str | None = None
) -> pd.DataFrame:
    """The index; subjects come from the CSV or from `subject_from`.

    Raises:
        DataError: a file of the CSV is missing, or a path does not fit `subject_from`.
        SpecError: `subject_from` is no pattern, or has no group.
    """
    pattern = _pattern(subject_from)
    base = root if root.is_dir() else root.parent
    found = list(_from_csv(root) if root.is_file() else _from_folders(root))
    if pattern is not None:
        found = [_with_subject(one, base, pattern) for one in found]
    names = {one.class_name for one in found if one.class_name is not None}
    return make_index(base, found, sorted(names, key=natural), None)


def verify(root: Path) -> VerifyResult:
    """Count and read every image; nothing official is known of them."""
    return verify_readable(CARD, root, read_index(root))


def _class_folders(folder: Path) -> list[Path]:
    return [child for child in child_folders(folder) if has_image(child)]


def _csv_in(path: Path) -> Path | None:
    """`path` where it is a CSV with the columns, or the one such file in the folder."""
    tables = [path] if path.is_file() else sorted(path.glob("*.csv"))
    fitting = [table for table in tables if table.suffix.lower() == ".csv" and {"path", "label"} <= set(_head(table))]
    return fitting[0] if len(fitting) == 1 else None


def _head(table: Path) -> list[str]:
    with table.open(encoding="utf-8-sig", newline="", errors="replace") as stream:
        line = stream.readline()
    return [name.strip().strip('"').lower() for name in line.split(_separator(line))]


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)


def _from_folders(root: Path) -> Iterator[Found]:
    for folder in _class_folders(root):
        for path in image_files(folder):
            yield Found(path, folder.name, "images")


def _from_csv(table: Path) -> Iterator[Found]:
    with table.open(encoding="utf-8-sig", newline="") as stream:
        try:
            separator = _separator(stream.readline())
            stream.seek(0)
            lines = [{(key or "").strip().lower(): value for key, value in row.items()}
                     for row in csv.DictReader(stream, delimiter=separator)]  # fmt: skip
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{table}: expected a CSV in UTF-8, found something else ({error}).") from error
    missing = [line["path"] for line in lines if not (table.parent / (line["path"] or "")).is_file()]
    if missing:
        raise DataError(
            f"{table}: expected every image it lists, found {len(missing):,} of {len(lines):,} missing, "
            f"such as '{missing[0]}'. Paths are read from the folder of the CSV."
        )
    for number, line in enumerate(lines, start=2):
        label = (line["label"] or "").strip()
        if not label:
            raise DataError(f"{table}: line {number}: expected a label, found nothing. Fill it in or remove the line.")
        yield Found(table.parent / line["path"], label, "images", (line.get("subject") or "").strip() or None)


def _pattern(subject_from: str | None) -> re.Pattern[str] | None:
    if subject_from is None:
        return None
    try:
        pattern = re.compile(subject_from)
    except re.error as error:
        raise SpecError(
            f"data.subject_from: {subject_from}: expected a regular expression, got an error ({error}).",
            settings=("data.subject_from",),
        ) from error
    if pattern.groups < 1:
        raise SpecError(
            f"data.subject_from: {subject_from}: expected a group in round brackets, such as '([^/_]+)_', got none.",
            settings=("data.subject_from",),
        )
    return pattern


def _with_subject(one: Found, base: Path, pattern: re.Pattern[str]) -> Found:
    name = image_id(base, one.path)
    match = pattern.search(name)
    if match is None or not match[1]:
        raise DataError(
            f"{name}: expected a subject by data.subject_from '{pattern.pattern}', found none.",
            settings=("data.subject_from",),
        )
    return Found(one.path, one.class_name, one.part, match[1])

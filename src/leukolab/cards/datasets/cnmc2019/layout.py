"""Where the files of C-NMC 2019 lie: in its archives, as the challenge gave them, or merged; known by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from leukolab.base.keys import file_digest
from leukolab.cards.datasets.cnmc2019.card import OFFICIAL
from leukolab.cards.datasets.cnmc2019.official import official_digests
from leukolab.cards.listing import files_below
from leukolab.cards.tables import looks_like_table, read_table

COLUMNS = ("Patient_ID", "new_names", "labels")
"""Of the labels file of the preliminary part."""
NAME = re.compile(OFFICIAL.name)
_FOLD = re.compile(r"fold_?(\d+)", re.IGNORECASE)
_STRUCTURE = re.compile(
    r"(c-nmc_)?(train(ing)?|validation|test(ing)?)(_data)?|(c-nmc_)?test_(prelim|final)_phase_data|phase_?[23]"
    r"|fold_?\d+|all|hem",
    re.IGNORECASE,
)
"""Names of folders inside the data set, in any of its layouts."""
_NUMBERED = {
    "preliminary": re.compile(r".*(prelim_phase|phase_?2).*", re.IGNORECASE),
    "final": re.compile(r".*(final_phase|phase_?3).*", re.IGNORECASE),
}
"""Part to what its folder is called, whose files are numbered."""


@dataclass(frozen=True)
class CellFile:
    """A file that is official by its name and place, or by its bytes."""

    path: Path
    part: str
    name: str
    """Official name without ending: `UID_...` of the training part, else a number."""
    fold: int | None


@dataclass(frozen=True)
class Cells:
    """All files below a root."""

    files: tuple[CellFile, ...]
    strange: tuple[Path, ...]
    """Images that are not official."""
    labels: Path | None
    """The labels file of the preliminary part, or what should be it; None where there is none."""

    def of_part(self, part: str) -> list[CellFile]:
        """The files of one part."""
        return [file for file in self.files if file.part == part]


def find_root(path: Path) -> Path | None:
    """The folder around all official files at or below `path`; folders of the data set's own layout lie inside it."""
    images, _, _ = files_below(path)
    places = {image.parent for image in images if _part_by_name(path, image) is not None}
    if not places:
        return path if any(_may_be_official(image) and _official_path(image, _known()) for image in images) else None
    return Path(os.path.commonpath([_outside(place, path) for place in places]))


def cells_below(root: Path) -> Cells:
    """Every file below `root`, told apart.

    Raises:
        DataError: the labels file is no table.
    """
    images, others, _ = files_below(root)
    labels = _labels_among(others)
    numbers = {true: number for number, (true, _) in true_names(labels).items()} if labels and fits(labels) else {}
    known = _known()
    cells = {image: _cell(root, image, known, numbers) for image in images}
    return Cells(
        tuple(cell for cell in cells.values() if cell is not None),
        tuple(image for image, cell in cells.items() if cell is None),
        labels,
    )


def is_inside(root: Path, path: Path) -> bool:
    """Whether a file lies in a fold, or in the folder of a part whose files are numbered."""
    return any(_FOLD.fullmatch(name) or _numbered_part([name]) for name in _folders(root, path))


def fits(table: Path) -> bool:
    """Whether a table has the columns of the labels file."""
    return not read_table(table).lacks(COLUMNS)


def true_names(labels: Path) -> dict[str, tuple[str, str]]:
    """Number of a preliminary file to its true name, without ending, and its class."""
    rows = (line for _, line in read_table(labels).lines)
    return {
        PurePosixPath(row["new_names"]).stem: (
            PurePosixPath(row["patient_id"]).stem,
            "all" if row["labels"].lower() in ("1", "1.0", "all") else "hem",
        )
        for row in rows
    }


def official_files() -> dict[tuple[str, str], tuple[str, str]]:
    """Part (`labels` for their table) and official name without ending, to path and SHA-256 in the official list."""
    listed = official_digests().items()
    return {(_part_of_official(path), PurePosixPath(path).stem): (path, digest) for path, digest in listed}


def _part_of_official(path: str) -> str:
    if path.endswith(".csv"):
        return "labels"
    return _numbered_part(path.split("/")[:-1]) or "training"


def _outside(place: Path, path: Path) -> Path:
    """The first folder above `place` that is none of the data set's own layout; `path` where `place` is none itself."""
    if not _STRUCTURE.fullmatch(place.name):
        return path
    return next((folder for folder in place.parents if not _STRUCTURE.fullmatch(folder.name)), path)


def _folders(root: Path, path: Path) -> Sequence[str]:
    return path.relative_to(root).parts[:-1]


def _numbered_part(folders: Sequence[str]) -> str | None:
    """The part whose folder lies innermost."""
    parts = (part for name in reversed(folders) for part, mark in _NUMBERED.items() if mark.fullmatch(name))
    return next(parts, None)


def _part_by_name(root: Path, path: Path) -> str | None:
    if NAME.fullmatch(path.stem):
        return "training"
    return _numbered_part(path.parts[-4:-1]) if path.stem.isdecimal() else None


@dataclass(frozen=True)
class _Known:
    folds: Mapping[str, int]
    """Official name of each training file, without ending, to its fold."""
    paths: Mapping[str, str]
    """SHA-256 to path in the official list."""


def _known() -> _Known:
    listed = official_digests()
    folds = {PurePosixPath(path).stem: match for path in listed if (match := re.search(r"/fold_(\d)/", path))}
    return _Known(
        {name: int(match[1]) for name, match in folds.items()}, {digest: path for path, digest in listed.items()}
    )


def _cell(root: Path, path: Path, known: _Known, numbers: Mapping[str, str]) -> CellFile | None:
    part, name = _part_by_name(root, path), path.stem
    if part is None:
        official = _official_path(path, known)
        if official is None:
            return None
        part, name = _part_of_official(official), PurePosixPath(official).stem
    if part == "training" and name not in known.folds and name in numbers:
        return CellFile(path, "preliminary", numbers[name], None)
    folds = (match for folder in _folders(root, path) if (match := _FOLD.fullmatch(folder)))
    fold = known.folds.get(name, next((int(match[1]) for match in folds), None))
    return CellFile(path, part, name, fold if part == "training" else None)


def _official_path(path: Path, known: _Known) -> str | None:
    """Path in the official list of a file with official bytes."""
    return known.paths.get(file_digest(path)) if _may_be_official(path) else None


def _may_be_official(path: Path) -> bool:
    """Whether ending and length of a file are official, so that reading it is worth it."""
    return path.suffix.lower() == OFFICIAL.suffix and path.stat().st_size in OFFICIAL.bytes


def _labels_among(others: Sequence[Path]) -> Path | None:
    """The table with the columns, else the one that is called like the part."""
    tables = [path for path in others if looks_like_table(path)]
    named = [path for path in tables if _NUMBERED["preliminary"].fullmatch(path.stem)]
    return next((path for path in tables if fits(path)), named[0] if named else None)

"""Reader of C-NMC 2019: class, subject, field and official fold from names, folders and the labels file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.cards.datasets.cnmc2019.card import CARD
from leukolab.cards.datasets.cnmc2019.layout import (
    COLUMNS,
    NAME,
    CellFile,
    Cells,
    cells_below,
    fits,
    is_inside,
    true_names,
)
from leukolab.cards.index import Found, image_id, make_index
from leukolab.cards.reading import Reading, left_out
from leukolab.cards.tables import read_table
from leukolab.spec import DataSpec


def read(root: Path, spec: DataSpec) -> Reading:
    """The index; training and preliminary where `spec.parts` is None, as far as they are there.

    Raises:
        DataError: a part or its labels are missing; a name is not official; name and folder differ in the class.
    """
    cells = cells_below(root)
    _check_strange(root, cells)
    usual = [part for part in ("training", "preliminary") if cells.of_part(part)]
    readers = {"training": _training, "preliminary": _preliminary, "final": _final}
    found: list[Found] = []
    for part in spec.parts or usual:
        files = cells.of_part(part)
        if not files:
            raise DataError(
                f"{root}: expected the images of part '{part}', found none. "
                "Take other parts, such as data.parts=[training].",
                settings=("data.parts",),
            )
        found.extend(readers[part](root, cells, files))
    kept, findings = _each_once(root, found)
    strange = left_out("read.not_official", (image_id(root, path) for path in cells.strange), "warning", card=CARD.name)
    return Reading(make_index(root, kept, CARD.class_names, None), findings + strange)


def _training(root: Path, cells: Cells, files: list[CellFile]) -> Iterator[Found]:
    for file in files:
        folders = [name for name in file.path.relative_to(root).parts[:-1] if name in CARD.class_names]
        yield _found(file, file.name, folders[-1] if folders else file.name.rpartition("_")[2])


def _preliminary(root: Path, cells: Cells, files: list[CellFile]) -> Iterator[Found]:
    names = preliminary_labels(root, cells)
    for file in files:
        if file.name not in names:
            raise DataError(f"{file.path}: expected a row for it in {cells.labels}, found none. Remove the image.")
        yield _found(file, *names[file.name])


def _final(root: Path, cells: Cells, files: list[CellFile]) -> Iterator[Found]:
    for file in files:
        yield Found(file.path, None, "final")


def _found(file: CellFile, true_name: str, class_name: str) -> Found:
    match = NAME.fullmatch(true_name)
    if match is None:
        raise _unofficial(file.path, true_name)
    if match["label"] != class_name:
        raise DataError(f"{file.path}: expected a '{match['label']}' image by its name, found it as '{class_name}'.")
    field = f"{match['subject']}_{match['field']}"
    return Found(file.path, class_name, file.part, match["subject"], field, file.fold)


def preliminary_labels(root: Path, cells: Cells) -> dict[str, tuple[str, str]]:
    """New file name to true name, both without ending, and class.

    Raises:
        DataError: the labels file is missing or lacks its columns.
    """
    path = cells.labels
    if path is None:
        raise DataError(
            f"{root}: expected the labels of the preliminary part here, found no file with the columns "
            f"{', '.join(COLUMNS)}. Download it, or take the training part alone: data.parts=[training].",
            settings=("data.parts",),
        )
    if not fits(path):
        columns = ", ".join(read_table(path).columns) or "nothing"
        raise DataError(f"{path}: expected columns Patient_ID, new_names and labels, found {columns}.")
    return true_names(path)


def _check_strange(root: Path, cells: Cells) -> None:
    for path in cells.strange:
        if is_inside(root, path):
            raise _unofficial(path, path.stem)


def _unofficial(path: Path, name: str) -> DataError:
    return DataError(
        f"{path}: expected the name UID_<subject>_<field>_<cell>_<all or hem>, found '{name}'. "
        "Give it its official name or remove it."
    )


def _each_once(root: Path, found: list[Found]) -> tuple[list[Found], tuple[Finding, ...]]:
    """Each cell once, where copies lie in several folders, and a finding of the others."""
    first: dict[tuple[str, str], Path] = {}
    copies = []
    for one in sorted(found, key=lambda one: image_id(root, one.path)):
        other = first.setdefault((one.part, one.path.stem), one.path)
        if other.parent != one.path.parent:
            copies.append(one)
    kept = [one for one in found if one not in copies]
    return kept, left_out("read.copies", (image_id(root, one.path) for one in copies), "warning")

"""Reader of C-NMC 2019: class, subject, field and official fold from names, folders and the labels file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from leukolab.base.errors import DataError
from leukolab.cards.datasets.cnmc2019.card import CARD, FOLDERS, LABELS_FILE
from leukolab.cards.index import Found, make_index
from leukolab.cards.listing import child_folders, image_files, search

_NAME = re.compile(r"^UID_(?P<subject>[Hh]?\d+)_(?P<field>\d+)_\d+_(?P<label>all|hem)$")


def find_root(path: Path) -> Path | None:
    """The folder that holds `training_data/fold_*`, or the folder of another part."""
    return search(path, _is_root)


def read_index(
    root: Path, parts: tuple[str, ...] | None = None, view: str | None = None, subject_from: str | None = None
) -> pd.DataFrame:
    """The index; training and preliminary where `parts` is None and both are there.

    Raises:
        DataError: a part or its labels are missing; a name is not official; name and folder differ in the class.
    """
    wanted = parts or tuple(part for part in ("training", "preliminary") if (root / FOLDERS[part]).is_dir())
    readers = {"training": _training, "preliminary": _preliminary, "final": _final}
    found: list[Found] = []
    for part in wanted:
        images = list(readers[part](root))
        if not images:
            raise DataError(
                f"{root / FOLDERS[part]}: expected the images of part '{part}', found none. "
                "Take other parts, such as data.parts=[training].",
                settings=("data.parts",),
            )
        found.extend(images)
    return make_index(root, found, CARD.class_names, None)


def _is_root(folder: Path) -> bool:
    if any(child.name.startswith("fold_") for child in child_folders(folder / FOLDERS["training"])):
        return True
    return any((folder / FOLDERS[part]).is_dir() for part in ("preliminary", "final"))


def _training(root: Path) -> Iterator[Found]:
    for fold in child_folders(root / FOLDERS["training"]):
        number = fold.name.removeprefix("fold_")
        if not number.isdigit():
            continue
        for folder in child_folders(fold):
            for path in image_files(folder):
                yield _found(path, path.stem, "training", folder.name, int(number))


def _preliminary(root: Path) -> Iterator[Found]:
    images = image_files(root / FOLDERS["preliminary"])
    names = preliminary_labels(root) if images else {}
    for path in images:
        if path.stem not in names:
            raise DataError(f"{path}: expected a row for it in {LABELS_FILE}, found none. Remove the image.")
        true_name, class_name = names[path.stem]
        yield _found(path, true_name, "preliminary", class_name, None)


def _final(root: Path) -> Iterator[Found]:
    for path in image_files(root / FOLDERS["final"]):
        yield Found(path, None, "final")


def _found(path: Path, true_name: str, part: str, class_name: str, fold: int | None) -> Found:
    match = _NAME.match(true_name)
    if match is None:
        raise DataError(
            f"{path}: expected the name UID_<subject>_<field>_<cell>_<all or hem>, found '{true_name}'. "
            "Give it its official name or remove it."
        )
    if match["label"] != class_name:
        raise DataError(f"{path}: expected a '{match['label']}' image by its name, found it as '{class_name}'.")
    return Found(path, class_name, part, match["subject"], f"{match['subject']}_{match['field']}", fold)


def preliminary_labels(root: Path) -> dict[str, tuple[str, str]]:
    """New file name to true name, both without ending, and class.

    Raises:
        DataError: the labels file is missing or lacks its columns.
    """
    path = root / LABELS_FILE
    if not path.is_file():
        raise DataError(
            f"{path}: expected the labels of the preliminary part here, found no file. "
            "Download it, or take the training part alone: data.parts=[training].",
            settings=("data.parts",),
        )
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"Patient_ID", "new_names", "labels"} <= set(rows[0]):
        raise DataError(f"{path}: expected columns Patient_ID, new_names and labels, found {_columns(rows)}.")
    return {
        Path(row["new_names"]).stem: (Path(row["Patient_ID"]).stem, "all" if row["labels"].strip() == "1" else "hem")
        for row in rows
    }


def _columns(rows: Sequence[dict[str, str]]) -> str:
    return ", ".join(rows[0]) if rows else "nothing"

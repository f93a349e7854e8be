"""C-NMC 2019: single cells on black, normal or leukaemic, with subjects.

Source: Gupta and Gupta 2019, ISBI 2019 challenge; The Cancer Imaging Archive.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from leukolab.base.errors import DataError
from leukolab.cards.card import Card
from leukolab.cards.index import Found, make_index
from leukolab.cards.listing import child_folders, image_files, search

FOLDERS = {
    "training": "training_data",
    "preliminary": "validation_data/C-NMC_test_prelim_phase_data",
    "final": "testing_data/C-NMC_test_final_phase_data",
}
"""Folder of each part, from the root."""

LABELS_FILE = "validation_data/C-NMC_test_prelim_phase_data_labels.csv"

CARD = Card(
    name="cnmc2019",
    title="C-NMC 2019: normal and leukaemic cells of bone-marrow smears",
    source="Gupta and Gupta 2019, ISBI 2019 C-NMC challenge, The Cancer Imaging Archive",
    doi="10.7937/tcia.2019.dc64i46r",
    licence="CC BY 3.0",
    class_names=("hem", "all"),
    parts=("training", "preliminary", "final"),
    subjects_known=True,
    counts={
        "training": {"hem": 3389, "all": 7272},
        "preliminary": {"hem": 648, "all": 1219},
        "final": {"hidden": 2586},
    },
    layout="training_data/fold_{0,1,2}/{all,hem}/UID_<subject>_<field>_<cell>_{all,hem}.bmp, validation_data/, "
    "testing_data/; files as .bmp, .png, .webp or .jpg",
    notes=(
        "450 x 450 px, stain-normalised by the authors, cells cut out on black.",
        "106 pairs of identical images; 94 of them join two official folds, so the official folds leak.",
        "Training and preliminary parts share persons: the same picture is in both under two subjects.",
        "Many cells were cut out twice, under two subject numbers; subjects that share such cells are one person. "
        "About half of the cells were compared, so there may be more.",
        "Size alone tells much: the area of the cell has an AUC of 0.80 by subject.",
        "Labels of the final part were never published; it is read on request only.",
    ),
    same_person=(
        ("1", "15", "16", "17", "20", "21"),
        ("43", "44"),
        ("51", "55", "75", "78"),
        ("H2", "H4", "H5", "H6", "H7"),
        ("H10", "h3"),
        ("H14", "H24"),
    ),
)

_NAME = re.compile(r"^UID_(?P<subject>[Hh]?\d+)_(?P<field>\d+)_\d+_(?P<label>all|hem)$")


def find_root(path: Path) -> Path | None:
    """The folder that holds `training_data/fold_*` or a phase folder."""
    return search(path, _is_root)


def read_index(
    root: Path, parts: tuple[str, ...] | None = None, view: str | None = None, subject_from: str | None = None
) -> pd.DataFrame:
    """The index; training and preliminary where `parts` is None and both are there.

    Raises:
        DataError: a part is not there, a name is not as it should be, or labels are missing or contradict.
    """
    wanted = parts or tuple(part for part in ("training", "preliminary") if (root / FOLDERS[part]).is_dir())
    readers = {"training": _training, "preliminary": _preliminary, "final": _final}
    found: list[Found] = []
    for part in wanted:
        images = list(readers[part](root))
        if not images:
            raise DataError(
                f"{root / FOLDERS[part]}: expected the images of part '{part}', found none. "
                "Take other parts with --set data.parts=[training]."
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
        DataError: the labels file is missing or is no such table.
    """
    path = root / LABELS_FILE
    if not path.is_file():
        raise DataError(
            f"{path}: expected the labels of the preliminary part here, found no file. "
            "Download it, or take the training part alone with --set data.parts=[training]."
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

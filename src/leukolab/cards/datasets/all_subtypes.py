"""The ALL image data set: blood-smear fields of four classes, subjects unknown.

Source: Aria, Ghaderzadeh et al. 2021, Taleqani Hospital, Tehran.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from leukolab.base.errors import DataError
from leukolab.cards.card import Card, View
from leukolab.cards.index import Found, make_index
from leukolab.cards.listing import child_folders, image_files, search
from leukolab.cards.readability import verify_readable
from leukolab.cards.reading import Reading
from leukolab.cards.verdict import VerifyResult
from leukolab.spec import DataSpec

CARD = Card(
    name="all_subtypes",
    title="Acute lymphoblastic leukaemia image data set: benign, early, pre and pro",
    source="Aria, Ghaderzadeh et al. 2021, Taleqani Hospital, Tehran",
    doi="10.34740/kaggle/dsv/2175623",
    licence="see the page of the data set",
    class_names=("Benign", "Early", "Pre", "Pro"),
    positive=("Early", "Pre", "Pro"),
    parts=("original", "segmented"),
    subjects_known=False,
    counts={"original": {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}},
    views={
        "two_class": View(
            "Benign against the three malignant classes",
            ("benign", "malignant"),
            {"Benign": 0, "Early": 1, "Pre": 1, "Pro": 1},
            ("malignant",),
        )
    },
    layout="Original/ and Segmented/, or one of them, with folders Benign, Early, Pre, Pro of WBC-*-<number>.jpg",
    notes=(
        "224 x 224 px, 89 people (25 benign, 64 malignant), one camera.",
        "No subject identifiers; numbers run on, and neighbours look alike.",
        "40 pairs of identical files, all in Pro, nearly all of neighbouring numbers.",
        "Pro is visibly lighter: colour statistics alone reach an accuracy of 0.988 in a random split.",
        "A sibling with names such as 'Sap_013 (1).jpg' shows the same people: never train on one, test on the other.",
    ),
    binary_view="two_class",
)

_NAME = re.compile(r"^WBC-(?:Malignant-)?(?P<label>Benign|Early|Pre|Pro)-(?P<number>\d+)$")


def find_root(path: Path) -> Path | None:
    """The folder that holds `Original` or `Segmented`, or the class folders themselves."""
    return search(path, _is_root)


def read(root: Path, spec: DataSpec) -> Reading:
    """The index; the originals where `spec.parts` is None and they exist, else the segmented.

    Raises:
        DataError: a part is missing; a name is not official; name and folder differ in the class.
    """
    folders = part_folders(root)
    wanted = spec.parts or tuple(sorted(folders)[:1])
    missing = [part for part in wanted if part not in folders]
    if missing:
        raise DataError(f"{root}: expected part '{missing[0]}', found {', '.join(sorted(folders))} only.")
    found = (one for part in wanted for one in _read_part(folders[part], part))
    return Reading(make_index(root, found, CARD.class_names, CARD.views[spec.view] if spec.view else None))


def verify(root: Path, spec: DataSpec) -> VerifyResult:
    """Compare the numbers in the file names of each part with the published counts, and read every image."""
    folders = part_folders(root)
    index = read(root, spec.model_copy(update={"parts": tuple(sorted(folders))})).index
    missing: list[str] = []
    extra: list[str] = []
    for part, classes in CARD.counts.items():
        for name, number in classes.items() if part in folders else ():
            rows = index[(index["part"] == part) & (index["class_name"] == name)]
            there = set(rows["order"])
            missing += [f"{name} {absent:03d}" for absent in range(1, number + 1) if absent not in there]
            extra += list(rows.loc[~rows["order"].between(1, number), "image_id"])
    return verify_readable(CARD, root, index, tuple(missing), tuple(extra))


def part_folders(root: Path) -> dict[str, Path]:
    """Folder of each part that exists; bare class folders are `segmented` in a folder of that name, else `original`."""
    below = {part: root / part.capitalize() for part in CARD.parts if _holds_classes(root / part.capitalize())}
    if below:
        return below
    return {"segmented" if root.name == "Segmented" else "original": root}


def _is_root(folder: Path) -> bool:
    return _holds_classes(folder) or any(_holds_classes(folder / part.capitalize()) for part in CARD.parts)


def _holds_classes(folder: Path) -> bool:
    classes = [child for child in child_folders(folder) if child.name in CARD.class_names]
    return any(_NAME.match(path.stem) for child in classes for path in image_files(child, deep=False)[:1])


def _read_part(folder: Path, part: str) -> Iterator[Found]:
    for child in child_folders(folder):
        if child.name not in CARD.class_names:
            continue
        for path in image_files(child, deep=False):
            yield _found(path, child.name, part)


def _found(path: Path, class_name: str, part: str) -> Found:
    match = _NAME.match(path.stem)
    if match is None:
        raise DataError(
            f"{path}: expected a name such as WBC-Malignant-Early-001, found '{path.stem}'. Remove the file, "
            "or read the images as your own: data.card=folder.",
            settings=("data.card",),
        )
    if match["label"] != class_name:
        raise DataError(f"{path}: expected a '{match['label']}' image by its name, found it in folder '{class_name}'.")
    return Found(path, class_name, part, number=int(match["number"]))

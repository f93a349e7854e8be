"""A phantom: synthetic cells with known truth, drawn by `leukolab`; never to be taken for patients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from leukolab.base.errors import DataError, RunError, nearest
from leukolab.base.files import read_json
from leukolab.cards.card import Card, View
from leukolab.cards.draw import LAYOUTS, SETTINGS_FILE
from leukolab.cards.index import Found, make_index
from leukolab.cards.listing import image_files, search
from leukolab.cards.readability import verify_readable
from leukolab.cards.reading import Reading
from leukolab.cards.verdict import VerifyResult
from leukolab.spec import DataSpec

CARD = Card(
    name="phantom",
    title="Phantom: synthetic cells with known truth",
    source="drawn by Leukolab; synthetic",
    doi="",
    licence="Apache-2.0",
    class_names=(),
    positive=("all", "early", "pre", "pro"),
    parts=("synthetic",),
    subjects_known=True,
    views={
        "two_class": View(
            "Normal against the three maturation stages of blasts",
            ("normal", "malignant"),
            {"normal": 0, "all": 1, "benign": 0, "early": 1, "pre": 1, "pro": 1},
            ("malignant",),
        )
    },
    layout=f"{SETTINGS_FILE} beside class folders of <subject>_<number>.png",
    notes=(
        "Synthetic: no image shows a person's cells.",
        "Each subject has its own stain, light, focus and cell size.",
    ),
    synthetic=True,
)

_NAME = re.compile(r"^(?P<subject>.+)_(?P<number>\d+)$")


def find_root(path: Path) -> Path | None:
    """The folder that holds `phantom.json`."""
    return search(path, lambda folder: (folder / SETTINGS_FILE).is_file())


def read(root: Path, spec: DataSpec) -> Reading:
    """The index of a drawn phantom; classes are those of its layout.

    Raises:
        DataError: its settings or a file name are not as drawn.
    """
    classes = tuple(LAYOUTS[_layout(root)].stages)
    found = (one for name in classes for one in _read_class(root / name, name))
    return Reading(make_index(root, found, classes, CARD.views[spec.view] if spec.view else None))


def verify(root: Path, spec: DataSpec) -> VerifyResult:
    """Count and read every image; nothing official is known of them."""
    return verify_readable(CARD, root, read(root, spec).index)


def _layout(root: Path) -> str:
    try:
        settings = read_json(root / SETTINGS_FILE)
    except RunError as error:
        raise DataError(f"{root / SETTINGS_FILE}: expected the settings of a phantom, found a damaged file.") from error
    name = str(settings.get("layout")) if isinstance(settings, dict) else "nothing"
    if name not in LAYOUTS:
        raise DataError(f"{root / SETTINGS_FILE}: expected a known layout, found '{name}'. {nearest(name, LAYOUTS)}")
    return name


def _read_class(folder: Path, class_name: str) -> Iterator[Found]:
    for path in image_files(folder, deep=False):
        match = _NAME.match(path.stem)
        if match is None:
            raise DataError(f"{path}: expected a name such as S003_0001, found '{path.stem}'. Draw the phantom again.")
        yield Found(path, class_name, "synthetic", match["subject"])

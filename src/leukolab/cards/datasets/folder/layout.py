"""What the folders above images are: classes, parts, copies or subjects. What can be read two ways is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leukolab.base.errors import DataError
from leukolab.cards.listing import natural
from leukolab.cards.meaning import meaning
from leukolab.spec import DataSpec

MANY = 10
"""More folders than this whose names are numbers of something are subjects, not classes."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PARTS = _set("""
    train training trainset test testing testset val valid validation dev eval evaluation holdout prelim preliminary
    phase part fold split latih uji validasi pelatihan pengujian
""")
_COPIES = _set("""
    original originals segmented segmentation segmentations augmented augmentation mask masks images image imgs img
    annotations annotation labels groundtruth cropped resized preprocessed processed citra asli
""")
_FILLING = frozenset(["data", "dataset", "set"])
_CLASS_WORDS = frozenset(["class", "grade", "type", "stage", "label", "kelas", "tipe", "m", "l"])
_ID = re.compile(r"^([A-Za-z]*)[\W_]*\d+$")


@dataclass(frozen=True)
class Layout:
    """The folders above each image that may be its class, from the outside in, each with its depth from the root."""

    root: Path
    images: tuple[tuple[tuple[int, str], ...], ...] = field(repr=False)
    parts_given: bool
    subjects_given: bool

    def names(self, level: int) -> list[str]:
        """Different names at a level, in natural order."""
        return sorted({folders[level][1] for folders in self.images if len(folders) > level}, key=natural)

    def inside(self, level: int) -> dict[str, set[str]]:
        """Name at a level to the names one level below it."""
        below: dict[str, set[str]] = {name: set() for name in self.names(level)}
        for folders in self.images:
            if len(folders) > level + 1:
                below[folders[level][1]].add(folders[level + 1][1])
        return below

    def pattern(self, level: int) -> str:
        """A regular expression whose group is the folder at that level."""
        depth = next(folders[level][0] for folders in self.images if len(folders) > level)
        return f"^{'[^/]+/' * depth}([^/]+)/"


def class_level(layout: Layout) -> int:
    """The level of `layout.images` that names the class.

    Raises:
        DataError: folders look like parts, copies or subjects, or may be read two ways; the settings that read them
            are named.
    """
    level = 0
    while len(layout.names(level)) == 1 and layout.names(level + 1):
        level += 1
    outer, below = layout.names(level), layout.inside(level)
    inner = sorted(set().union(*below.values()), key=natural) if below else []
    _check_copies(layout, level, outer, inner)
    _check_copies_inside(layout, level, outer, inner)
    if outer and all(map(meaning, outer)):
        return level
    shared = [name for name in inner if sum(name in names for names in below.values()) > 1]
    if shared and not layout.subjects_given:
        _check_subjects(layout, level, outer, shared)
    if not inner and len(outer) > MANY and _numbered(outer):
        raise DataError(
            f"{layout.root}: expected one folder per class, found {len(outer)} such as {_few(outer)}, which look like "
            "subjects, and no folder of a class in or above them. Put them into a folder per class, or give a table "
            "with the columns path, label and subject."
        )
    return level


def check_parts(root: Path, parts: Sequence[str], spec: DataSpec) -> None:
    """Copies of the same images may not be read side by side.

    Raises:
        DataError: two chosen parts are copies by their names.
    """
    names = sorted({part for part in parts if not spec.parts or part in spec.parts}, key=natural)
    copies = [name for name in names if _is_copy(name)]
    if len(copies) > 1:
        raise DataError(
            f"{root}: expected each image once, found {_few(copies)}, which look like copies of the same images. "
            f"Take one of them: data.parts=[{copies[0]}].",
            settings=("data.parts",),
        )


def _check_copies(layout: Layout, level: int, outer: list[str], inner: list[str]) -> None:
    """Folders such as `train` and `masks` at the level of classes."""
    alike = [name for name in outer if _is_copy(name) or _is_part(name)]
    if not alike or len(outer) < 2:
        return
    if len(alike) < len(outer):
        raise DataError(
            f"{layout.root}: expected one folder per class, found {_few(outer)}, of which {_few(alike)} "
            f"{'looks' if len(alike) == 1 else 'look'} like a part or a copy of the data. "
            f"Leave it out by data.exclude='{alike[0]}', or move it away.",
            settings=("data.exclude",),
        )
    if not inner:
        raise DataError(
            f"{layout.root}: expected one folder per class, found {_few(outer)}, which look like parts or copies of "
            "the data, and no folder of a class in them. Put each class into its own folder, or give a table with the "
            "columns path and label."
        )
    raise DataError(
        f"{layout.root}: expected one folder per class, found {_few(outer)}, which look like parts or copies, each "
        f"with {_few(inner)}. To read them as parts set data.part_from='{layout.pattern(level)}'; with split.kind="
        f"parts they are the split too. To read one alone set data.include='{outer[0]}'.",
        settings=("data.part_from", "data.include"),
    )


def _check_copies_inside(layout: Layout, level: int, outer: list[str], inner: list[str]) -> None:
    """Folders such as `images` and `masks` inside those of the classes."""
    alike = [name for name in inner if _is_copy(name) or _is_part(name)]
    if not alike or len(inner) < 2 or len(outer) < 2:
        return
    raise DataError(
        f"{layout.root}: expected the images of each class once, found {_few(alike)} inside {_few(outer)}, which "
        f"{'looks' if len(alike) == 1 else 'look'} like parts or copies. To read them as parts set "
        f"data.part_from='{layout.pattern(level + 1)}'; to leave one out set data.exclude='{alike[-1]}'.",
        settings=("data.part_from", "data.exclude"),
    )


def _check_subjects(layout: Layout, level: int, outer: list[str], shared: list[str]) -> None:
    """Many folders with the same folders inside are subjects; few may be either."""
    if not all(map(meaning, shared)) and _numbered(shared) and len(shared) >= len(outer):
        return
    subjects = f"data.subject_from='{layout.pattern(level)}'"
    if all(map(meaning, shared)) or len(outer) > max(2, len(shared)):
        raise DataError(
            f"{layout.root}: expected one folder per class, found {len(outer)} such as {_few(outer)} with the same "
            f"{_few(shared)} inside, which look like subjects. To read them as subjects set {subjects}; as parts set "
            f"data.part_from='{layout.pattern(level)}'.",
            settings=("data.subject_from", "data.part_from"),
        )
    raise DataError(
        f"{layout.root}: expected one folder per class, found {_few(outer)}, each with {_few(shared)}: either may be "
        f"the classes. If {_few(shared)} are, set {subjects} (or data.part_from); if {_few(outer)} are, set "
        f"data.part_from='{layout.pattern(level + 1)}'.",
        settings=("data.subject_from", "data.part_from"),
    )


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_\d]+", name.casefold()) if word and word not in _FILLING]


def _is_part(name: str) -> bool:
    words = _words(name)
    return bool(words) and all(word in _PARTS | _COPIES for word in words)


def _is_copy(name: str) -> bool:
    words = _words(name)
    return bool(words) and all(word in _COPIES for word in words)


def _numbered(names: Sequence[str]) -> bool:
    """Whether all are numbers, or a word and a number, that count something other than classes."""
    found = [_ID.match(name) for name in names]
    return all(match is not None and match[1].casefold() not in _CLASS_WORDS for match in found)


def _few(names: Sequence[str]) -> str:
    shown = [f"'{name}'" for name in names[:3]]
    if len(names) > 3:
        return f"{', '.join(shown)} and {len(names) - 3} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)

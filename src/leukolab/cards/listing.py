"""Folders and image files, and the search for a root by its content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from leukolab.base.marks import is_marked
from leukolab.images import IMAGE_SUFFIXES

DEEP, UP = 3, 2
"""How many levels below and above the given folder a root is looked for."""


def child_folders(folder: Path) -> list[Path]:
    """Folders inside `folder`, sorted, hidden ones left out; empty where it is no folder or cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def image_files(folder: Path, deep: bool = True) -> list[Path]:
    """Image files in `folder` by their ending, sorted, hidden ones left out; with all below it where `deep`."""
    return sorted(_walk_images(folder, deep))


def files_below(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Images, other files and folders below `folder`, each sorted; hidden ones and what this program wrote left out."""
    images: list[Path] = []
    others: list[Path] = []
    folders: list[Path] = []
    for place, inside, files in _walk(folder):
        folders += [Path(place, name) for name in inside]
        for name in files:
            (images if _is_image(name) else others).append(Path(place, name))
    return sorted(images), sorted(others), sorted(folders)


def has_image(folder: Path) -> bool:
    """Whether an image lies in `folder` or anywhere below."""
    return next(_walk_images(folder, deep=True), None) is not None


def has_file(folder: Path) -> bool:
    """Whether any file lies in `folder` or anywhere below."""
    return any(files for _, _, files in os.walk(folder))


def search(path: Path, is_root: Callable[[Path], bool]) -> Path | None:
    """The first folder that `is_root`: `path`, then below it level by level, then above it."""
    level = [path]
    for _ in range(DEEP + 1):
        for folder in level:
            if is_root(folder):
                return folder
        level = [child for folder in level for child in child_folders(folder)]
    return next((parent for parent in list(path.parents)[:UP] if is_root(parent)), None)


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorting key with whole numbers in their order: `a2` before `a10`."""
    return tuple((not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in _PIECES.findall(text))


_PIECES = re.compile(r"[0-9]+|[^0-9]+")


def _walk_images(folder: Path, deep: bool) -> Iterator[Path]:
    for place, folders, files in _walk(folder):
        yield from (Path(place, name) for name in files if _is_image(name))
        if not deep:
            folders.clear()


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` without hidden files, and without hidden folders and those that this program wrote."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not is_marked(Path(place, n)))
        yield place, folders, [name for name in files if not name.startswith(".")]


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122

"""Folders and image files, and the search for a root by its content."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leukolab.base.marks import is_marked
from leukolab.images import IMAGE_SUFFIXES

DEEP, UP = 3, 2
"""How many levels below and above the given folder a root is looked for."""


@dataclass(frozen=True)
class NotListed:
    """What lies in a folder but is never among its images."""

    closed: tuple[Path, ...]
    """Folders that may not be read: nobody knows what is in them."""
    odd: tuple[Path, ...]
    """Files and folders whose names are no text in UTF-8, so that no table can hold them."""


def child_folders(folder: Path) -> list[Path]:
    """Folders inside `folder`, sorted; those that `image_files` leaves out are left out."""
    return [Path(folder, name) for name in next(_walk(folder), ("", [], []))[1]]


def image_files(folder: Path, deep: bool = True, any_name: bool = False) -> list[Path]:
    """Image files in `folder` by their ending, sorted; with all below it where `deep`.

    Left out are hidden files and folders, folders that this program wrote, and what `not_listed` names; names that are
    no text are kept where `any_name`.
    """
    return sorted(_walk_images(folder, deep, any_name))


def not_listed(folder: Path) -> NotListed:
    """What is left out of the images below `folder` though it may be some; `folder` itself counts."""
    closed: list[OSError] = []
    odd: list[Path] = []
    for place, folders, files in _walk(folder, any_name=True, closed=closed):
        odd += [Path(place, name) for name in (*folders, *files) if not _is_text(name)]
        folders[:] = filter(_is_text, folders)
    return NotListed(tuple(sorted(Path(error.filename) for error in closed)), tuple(sorted(odd)))


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

    def fits(folder: Path) -> bool:
        with contextlib.suppress(PermissionError):
            return is_root(folder)
        return False

    level = [path]
    for _ in range(DEEP + 1):
        for folder in level:
            if fits(folder):
                return folder
        level = [child for folder in level for child in child_folders(folder)]
    return next((parent for parent in list(path.parents)[:UP] if fits(parent)), None)


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorting key with whole numbers in their order: `a2` before `a10`."""
    return tuple((not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in _PIECES.findall(text))


_PIECES = re.compile(r"[0-9]+|[^0-9]+")


def _walk_images(folder: Path, deep: bool, any_name: bool = False) -> Iterator[Path]:
    for place, folders, files in _walk(folder, any_name):
        yield from (Path(place, name) for name in files if _is_image(name))
        if not deep:
            folders.clear()


def _walk(
    folder: Path, any_name: bool = False, closed: list[OSError] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` without hidden files, and without hidden folders and those that this program wrote.

    Args:
        folder: where it begins.
        any_name: whether names that are no text are given too.
        closed: gets the error of each folder that may not be read.
    """
    for place, folders, files in os.walk(folder, onerror=None if closed is None else closed.append):
        folders[:] = sorted(n for n in folders if _is_given(n, any_name) and not is_marked(Path(place, n)))
        yield place, folders, [name for name in files if _is_given(name, any_name)]


def _is_given(name: str, any_name: bool) -> bool:
    return not name.startswith(".") and (any_name or _is_text(name))


def _is_text(name: str) -> bool:
    """Whether the bytes of a name are UTF-8; Python keeps others as halves of letters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122

"""A mark in the folders this program writes, so that it never takes its own pictures for images of cells."""

from __future__ import annotations

import os
from pathlib import Path

from leukolab.base.files import write_text

MARK = ".leukolab"
"""An empty file."""


def mark(folder: Path) -> Path:
    """Mark `folder`, which exists, as written by this program.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    if not is_marked(folder):
        write_text(folder / MARK, "")
    return folder


def mark_new(folder: Path) -> Path:
    """Mark `folder`, which exists, where nothing lies in it: images of cells may lie where something does.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    return folder if any(folder.iterdir()) else mark(folder)


def is_marked(folder: Path) -> bool:
    """Whether this program wrote `folder`; False where one may not look."""
    return os.path.isfile(folder / MARK)  # noqa: PTH113

"""A mark in the folders this program writes, so that it never takes its own pictures for images of cells."""

from __future__ import annotations

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


def is_marked(folder: Path) -> bool:
    """Whether this program wrote `folder`."""
    return (folder / MARK).is_file()

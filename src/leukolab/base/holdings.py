"""What lies in the home folder, in the pieces in which it can be evicted.

A key is `home/<kind>/<key>`, a folder or a file whose name holds a content key; nothing else is ever looked at. It goes
whole, except below `features/`, where each file goes by itself.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from leukolab.base.home import Home

KINDS = ("audits", "features", "pixels", "shortcuts", "trunks", "weights")
"""Folders of the home folder that are bounded."""
GONE = ".gone-"
"""Begins the name of what is being deleted."""
STALE_SECONDS = 3600.0
"""A temporary file that has not been written to for so long belongs to a process that died."""
_SHARDED = frozenset({"features"})
_KEY = re.compile(r"[0-9a-f]{32}")

Names = tuple[str, ...]
"""Names of folders and file below the home folder, the kind first."""


@dataclass(frozen=True)
class HeldPiece:
    """What is evicted at once."""

    names: Names
    """Where it lies."""
    bytes: int
    used_ns: int
    """When it was last used, in nanoseconds since 1970."""

    @property
    def gone(self) -> bool:
        """Whether its deletion was interrupted."""
        return self.names[-1].startswith(GONE)

    @property
    def hidden(self) -> bool:
        """Whether it is half-made or half-deleted."""
        return any(part.startswith(".") for part in self.names)

    @property
    def stale(self) -> bool:
        """Whether it was last used so long ago that no process can still be writing it."""
        return time.time() - self.used_ns / 1e9 > STALE_SECONDS


def pieces_of(home: Home, kinds: Collection[str]) -> list[HeldPiece]:
    """Everything that could go, and everything half-made; what vanishes during the search is left out."""
    keys = [(kind, key) for kind in kinds for key in _children(home / kind) if _KEY.search(key.name)]
    return [piece for kind, key in keys for piece in _pieces_of_key(kind, key)]


def total_bytes(pieces: Collection[HeldPiece]) -> int:
    """Bytes of what is whole."""
    return sum(piece.bytes for piece in pieces if not piece.hidden)


def files_below(folder: Path | str) -> list[os.DirEntry[str]]:
    """Files in a folder and its folders, hidden ones too; empty where it is not a folder."""
    found = []
    for child in _children(folder):
        found += files_below(child.path) if child.is_dir(follow_symlinks=False) else [child]
    return found


def _pieces_of_key(kind: str, key: os.DirEntry[str]) -> list[HeldPiece]:
    files = files_below(key.path) if key.is_dir(follow_symlinks=False) else []
    if files and kind in _SHARDED and not key.name.startswith("."):
        start = len(key.path) + 1
        groups = [((kind, key.name, *Path(file.path[start:]).parts), [file]) for file in files]
    else:
        groups = [((kind, key.name), files or [key])]
    return [piece for names, group in groups if (piece := _measured(names, group))]


def _measured(names: Names, files: Sequence[os.DirEntry[str]]) -> HeldPiece | None:
    """The piece of these files, or of an empty folder; None where one vanished."""
    try:
        found = [file.stat(follow_symlinks=False) for file in files]
    except OSError:
        return None
    size = sum(0 if stat.S_ISDIR(one.st_mode) else one.st_size for one in found)
    return HeldPiece(names, size, max(_used_ns(one) for one in found))


def _used_ns(found: os.stat_result) -> int:
    """When a file was last read or written, see `shelf.used`; a folder last changed, as looking into it reads it."""
    return found.st_mtime_ns if stat.S_ISDIR(found.st_mode) else max(found.st_atime_ns, found.st_mtime_ns)


def _children(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # another user's, which only they can evict
        return []

"""Keeps the home folder within bounds: what was used longest ago goes first, see `holdings` for its pieces.

Evicting renames, then deletes: opening an evicted file fails, and a file that is open can be read to its end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from leukolab.base import pins
from leukolab.base.errors import StorageError
from leukolab.base.holdings import GONE, KINDS, HeldPiece, Names, files_below, pieces_of, total_bytes
from leukolab.base.home import Home
from leukolab.base.pins import gate
from leukolab.base.sizes import size_text

NEWS = logging.getLogger(__name__)

LARGEST_DEFAULT = 50 * 10**9
_SCAN_SECONDS = 0.05
_SCAN_SHARE = 20.0
_scanned: dict[Path, tuple[float, float]] = {}
"""When this process last measured a home folder (monotonic seconds), and how long that took."""


@dataclass(frozen=True)
class Held:
    """One key of the home folder: `pieces` files or folders that can go by themselves, `bytes` altogether."""

    kind: str
    key: str
    bytes: int
    last_used: float
    """Seconds since 1970."""
    pieces: int


def usage(home: Home) -> list[Held]:
    """What the home folder holds, by kind and key; files that are only being written are left out."""
    found: dict[tuple[str, str], list[HeldPiece]] = {}
    for piece in pieces_of(home, KINDS):
        if not piece.hidden and piece.bytes:
            found.setdefault((piece.names[0], piece.names[1]), []).append(piece)
    return [
        Held(kind, key, total_bytes(pieces), max(piece.used_ns for piece in pieces) / 1e9, len(pieces))
        for (kind, key), pieces in sorted(found.items())
    ]


def used(path: Path) -> None:
    """Mark a file, or a folder and the files in it, as used now; one that was evicted is ignored.

    The time of the last write stays: by it `kept` knows what was written to since it was proved.
    """
    for place in (path, *(Path(file.path) for file in files_below(path))):
        with contextlib.suppress(OSError):
            os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))


def limit(home: Home) -> int:
    """Bytes the home folder may hold: its own limit, else 50 GB or a quarter of the disk space it can have."""
    return _limit(home, total_bytes(pieces_of(home, KINDS)))


def trim(home: Home, limit_bytes: int, pinned: Collection[Path] = (), kinds: Collection[str] = KINDS) -> int:
    """Evict what was used longest ago until the home folder holds `limit_bytes` at most, as far as pins allow.

    Args:
        home: the home folder.
        limit_bytes: what may stay.
        pinned: entries, or files in them, to keep besides what living processes have pinned.
        kinds: those to measure and evict.

    Returns:
        Bytes freed.

    Raises:
        ValueError: a pinned path is not in the home folder.
        StorageError: the home folder may not be written, or another process does not release it.
    """
    mine = [_names_of(home, path) for path in pinned]
    if not home.path.is_dir():
        return 0
    with gate(home):
        gone = _set_aside(home, limit_bytes, mine, kinds)
    return _delete(gone)


def keep_within(home: Home, pinned: Collection[Path] = ()) -> int:
    """Trim to `limit(home)` in little time, and return the bytes freed; to be called after each file written.

    Measuring takes a twentieth of the time at most, however many files the home folder holds. Where another process is
    evicting for seconds, this one leaves it to that.
    """
    last, seconds = _scanned.get(home.path, (0.0, 0.0))
    started = time.monotonic()
    if seconds > _SCAN_SECONDS and started - last < _SCAN_SHARE * seconds:
        return 0
    total = total_bytes(pieces_of(home, KINDS))
    _scanned[home.path] = time.monotonic(), time.monotonic() - started
    bound = _limit(home, total)
    if total <= bound:
        return 0
    gone: dict[Path, int] = {}
    with contextlib.suppress(StorageError), gate(home, seconds=5.0):
        gone = _set_aside(home, bound, [_names_of(home, path) for path in pinned], KINDS)
    freed = _delete(gone)
    NEWS.debug(f"{home}: freed {size_text(freed)} to stay below {size_text(bound)}")
    return freed


def _limit(home: Home, held: int) -> int:
    """Its own limit, else the default; what is held already counts as free, so the default does not shrink."""
    if home.limit_bytes is not None:
        return home.limit_bytes
    path = home.path.absolute()
    there = next(folder for folder in (path, *path.parents) if folder.is_dir())
    return min(LARGEST_DEFAULT, (shutil.disk_usage(there).free + held) // 4)


def _set_aside(home: Home, limit_bytes: int, mine: Collection[Names], kinds: Collection[str]) -> dict[Path, int]:
    """Rename what has to go, which is quick; the new paths and their bytes. The caller holds the gate."""
    pieces = sorted(pieces_of(home, kinds), key=lambda piece: (piece.used_ns, piece.names))
    pinned = [*mine, *(tuple(key.split("/")) for key in pins.pinned(home, sweep=True))]
    kept = [_bare(names) for names in pinned]
    free = [piece for piece in pieces if not piece.gone and not _is_kept(piece, kept)]
    gone = {_path(home, piece): piece.bytes for piece in pieces if piece.gone}
    for piece in free:
        if piece.hidden and piece.stale:
            gone |= _renamed(home, piece)
        elif not piece.bytes and piece.stale:
            with contextlib.suppress(OSError):
                _path(home, piece).rmdir()
    excess = total_bytes(pieces) - limit_bytes
    for piece in free:
        if excess > 0 and piece.bytes and not piece.hidden:
            moved = _renamed(home, piece)
            gone |= moved
            excess -= sum(moved.values())
    return gone


def _is_kept(piece: HeldPiece, kept: Collection[Names]) -> bool:
    """Whether a piece, what it lies in, or something in it is to be kept."""
    bare = _bare(piece.names)
    return any(bare[: len(names)] == names[: len(bare)] for names in kept)


def _path(home: Home, piece: HeldPiece) -> Path:
    return home.path.joinpath(*piece.names)


def _renamed(home: Home, piece: HeldPiece) -> dict[Path, int]:
    """Its new path and bytes; nothing where it is gone already, or open and so cannot be renamed (Windows)."""
    path = _path(home, piece)
    try:
        return {path.rename(path.with_name(f"{GONE}{uuid.uuid4().hex}")): piece.bytes}
    except OSError:
        return {}


def _delete(gone: dict[Path, int]) -> int:
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sum(gone.values())


def _names_of(home: Home, path: Path) -> Names:
    """Where a path, as it is or as it stands below the home folder, lies in that."""
    top, place = (Path(os.path.abspath(one)) for one in (home.path, path))  # noqa: PTH100
    return (place if place.is_relative_to(top) else Path(os.path.abspath(top / path))).relative_to(top).parts  # noqa: PTH100


def _bare(names: Names) -> Names:
    """Names with the key as it is written in a pin: `.KEY.1f3a` (half-made) and `KEY.npy` are of KEY."""
    return (names[0], names[1].lstrip(".").partition(".")[0], *names[2:]) if len(names) > 1 else names

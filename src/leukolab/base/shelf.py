"""What the home folder holds on disk, and how it is kept within bounds: what was used longest ago goes first.

An entry is `home/<kind>/<key>`, a folder or a file whose name holds a content key; nothing else is ever touched.
It is evicted whole, except below `features/`, where each file goes by itself. Evicting renames, then deletes:
who opens an evicted file finds none, and who has it open keeps it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from leukolab.base import pins
from leukolab.base.errors import StorageError
from leukolab.base.home import Home
from leukolab.base.pins import gate, pin
from leukolab.base.sizes import parse_size, size_text

__all__ = ["KINDS", "Entry", "keep_within", "limit", "parse_size", "pin", "size_text", "trim", "usage", "used"]

NEWS = logging.getLogger(__name__)

KINDS = ("features", "pixels", "shortcuts", "trunks", "weights")
"""Folders of the home folder that are bounded."""
SHARDED = frozenset({"features"})
"""Kinds of which each file is evicted by itself."""
LARGEST_DEFAULT = 50 * 10**9
STALE_SECONDS = 3600.0
"""A temporary file that has not been written to for so long belongs to a process that died."""
_KEY = re.compile(r"[0-9a-f]{32}")
_GONE = ".gone-"
_SCAN_SECONDS = 0.05
_SCAN_SHARE = 20.0
_scanned: dict[Path, tuple[float, float]] = {}
"""When this process last measured a home folder (monotonic seconds), and how long that took."""


@dataclass(frozen=True)
class Entry:
    """One key of the home folder: `entries` files or folders that can go by themselves, `bytes` altogether."""

    kind: str
    key: str
    bytes: int
    last_used: float
    """Seconds since 1970."""
    entries: int


@dataclass(frozen=True)
class _Unit:
    """What is evicted at once: its place below the home folder, bytes, and when it was last used in nanoseconds."""

    place: tuple[str, ...]
    bytes: int
    used_ns: int

    @property
    def hidden(self) -> bool:
        return any(part.startswith(".") for part in self.place)


def usage(home: Home) -> list[Entry]:
    """What the home folder holds, by kind and key; files that are only being written are left out."""
    found: dict[tuple[str, str], list[_Unit]] = {}
    for unit in _scan(home, KINDS):
        if not unit.hidden and unit.bytes:
            found.setdefault((unit.place[0], unit.place[1]), []).append(unit)
    return [
        Entry(kind, key, sum(unit.bytes for unit in units), max(unit.used_ns for unit in units) / 1e9, len(units))
        for (kind, key), units in sorted(found.items())
    ]


def used(path: Path) -> None:
    """Mark a file, or a folder and the files in it, as used now; no matter if it was evicted meanwhile."""
    for place in (path, *(Path(child.path) for child in _files(path))):
        with contextlib.suppress(OSError):
            os.utime(place)


def limit(home: Home) -> int:
    """Bytes the home folder may hold: its own limit, else 50 GB or a quarter of the disk space it can have."""
    return _limit(home, _total(_scan(home, KINDS)))


def trim(home: Home, limit_bytes: int, pinned: Collection[Path] = (), kinds: Collection[str] = KINDS) -> int:
    """Evict what was used longest ago until the home folder holds `limit_bytes` at most, as far as pins allow.

    Args:
        pinned: entries, or files in them, to keep besides what living processes have pinned.
        kinds: those to measure and evict.

    Returns:
        Bytes freed.

    Raises:
        ValueError: a pinned path is not in the home folder.
        StorageError: the home folder may not be written, or another process does not let go of it.
    """
    mine = {_below(home, path) for path in pinned}
    if not home.path.is_dir():
        return 0
    with gate(home):
        gone = _set_aside(home, limit_bytes, mine, kinds)
    return _delete(gone)


def keep_within(home: Home, pinned: Collection[Path] = ()) -> int:
    """Call after each file written: trims to `limit(home)`, in little time, and gives the bytes freed.

    A home folder of very many files is measured no oftener than costs a twentieth of the time. Where another
    process is evicting for seconds, this one leaves it to that.
    """
    last, seconds = _scanned.get(home.path, (0.0, 0.0))
    started = time.monotonic()
    if seconds > _SCAN_SECONDS and started - last < _SCAN_SHARE * seconds:
        return 0
    total = _total(_scan(home, KINDS))
    _scanned[home.path] = time.monotonic(), time.monotonic() - started
    bound = _limit(home, total)
    if total <= bound:
        return 0
    gone: dict[Path, int] = {}
    with contextlib.suppress(StorageError), gate(home, seconds=5.0):
        gone = _set_aside(home, bound, {_below(home, path) for path in pinned}, KINDS)
    freed = _delete(gone)
    NEWS.debug(f"{home}: freed {size_text(freed)} to stay below {size_text(bound)}")
    return freed


def _limit(home: Home, held: int) -> int:
    """What the cache holds already counts as free, so that the default does not shrink as it fills."""
    if home.limit_bytes is not None:
        return home.limit_bytes
    path = home.path.absolute()
    there = next(folder for folder in (path, *path.parents) if folder.is_dir())
    return min(LARGEST_DEFAULT, (shutil.disk_usage(there).free + held) // 4)


def _set_aside(
    home: Home, limit_bytes: int, mine: Collection[tuple[str, ...]], kinds: Collection[str]
) -> dict[Path, int]:
    """Rename what has to go, for whoever holds the gate: quick, so that nobody waits; new paths and their bytes."""
    units = list(_scan(home, kinds))
    held = _holder({tuple(key.split("/")) for key in pins.pinned(home, sweep=True)} | set(mine))
    gone: dict[Path, int] = {}
    excess = _total(units) - limit_bytes
    for unit in sorted(units, key=lambda unit: (unit.used_ns, unit.place)):
        path = home.path.joinpath(*unit.place)
        stale = time.time() - unit.used_ns / 1e9 > STALE_SECONDS
        if unit.place[-1].startswith(_GONE):
            gone[path] = unit.bytes
        elif held(unit.place) or ((unit.hidden or not unit.bytes) and not stale):
            continue
        elif not unit.hidden and not unit.bytes:
            with contextlib.suppress(OSError):
                path.rmdir()
        elif unit.hidden or excess > 0:
            renamed = _renamed(path)
            gone |= {renamed: unit.bytes} if renamed else {}
            excess -= unit.bytes if renamed and not unit.hidden else 0
    return gone


def _holder(pinned: Collection[tuple[str, ...]]) -> Callable[[tuple[str, ...]], bool]:
    """Says of a place whether it, what it lies in, or something in it is pinned."""
    exact = {_bare(place) for place in pinned}
    above = {place[:length] for place in exact for length in range(1, len(place))}

    def held(place: tuple[str, ...]) -> bool:
        bare = _bare(place)
        return bare in above or any(bare[:length] in exact for length in range(1, len(bare) + 1))

    return held


def _renamed(path: Path) -> Path | None:
    """The new place of `path`; None where it is gone already, or is open and so not to be had (Windows)."""
    gone = path.with_name(f"{_GONE}{uuid.uuid4().hex}")
    try:
        return path.rename(gone)
    except OSError:
        return None


def _delete(gone: dict[Path, int]) -> int:
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sum(gone.values())


def _scan(home: Home, kinds: Collection[str]) -> Iterator[_Unit]:
    """Everything that could go, and everything half-made; what vanishes meanwhile is left out."""
    for kind in kinds:
        start = len(str(home / kind)) + 1
        for entry in _children(home / kind):
            if _KEY.search(entry.name) is None:
                continue
            files = list(_files(entry.path)) if entry.is_dir(follow_symlinks=False) else [entry]
            if kind in SHARDED and not entry.name.startswith("."):
                for file in files:
                    yield from _unit((kind, *Path(file.path[start:]).parts), [file])
            if kind not in SHARDED or entry.name.startswith(".") or not files:
                yield from _unit((kind, entry.name), files or [entry])


def _unit(place: tuple[str, ...], files: Collection[os.DirEntry[str]]) -> Iterator[_Unit]:
    try:
        found = [file.stat(follow_symlinks=False) for file in files]
    except OSError:
        return
    held = sum(0 if stat.S_ISDIR(one.st_mode) else one.st_size for one in found)
    yield _Unit(place, held, max(one.st_mtime_ns for one in found))


def _files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Files below a folder, hidden ones too."""
    for child in _children(folder):
        if child.is_dir(follow_symlinks=False):
            yield from _files(child.path)
        else:
            yield child


def _children(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _total(units: Collection[_Unit] | Iterator[_Unit]) -> int:
    return sum(unit.bytes for unit in units if not unit.hidden)


def _below(home: Home, path: Path) -> tuple[str, ...]:
    """Where a path, as it is or as it stands below the home folder, lies in that."""
    top, place = (Path(os.path.abspath(one)) for one in (home.path, path))  # noqa: PTH100
    return (place if place.is_relative_to(top) else Path(os.path.abspath(top / path))).relative_to(top).parts  # noqa: PTH100


def _bare(place: tuple[str, ...]) -> tuple[str, ...]:
    """A place with the key as it is written in a pin: `.KEY.1f3a` (half-made) and `KEY.npy` are of KEY."""
    return (place[0], place[1].lstrip(".").partition(".")[0], *place[2:]) if len(place) > 1 else place

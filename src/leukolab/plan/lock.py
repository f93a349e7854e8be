"""One process per run folder: a lock that the system releases when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from leukolab.base.errors import RunError
from leukolab.base.files import make_folder, read_json, storage, write_json

LOCK_FILE = ".lock"
HOLDER_FILE = ".lock.json"
PATIENCE_SECONDS = 0.5
"""How long to wait for a lock: a process that only looks whether it is held has it for an instant."""
_HELD: dict[Path, tuple[int, int]] = {}
"""Locks that this process holds, each with its file as it was: device and inode."""


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Keep other processes out of a run folder; calls inside each other, also of other threads, share the lock.

    Raises:
        RunError: another process works there; or the folder was moved or deleted inside the block, whatever came of it.
        StorageError: the folder may not be written.
    """
    make_folder(run)
    lock = _lock(run)
    nested = lock.is_locked
    try:
        with storage(run):
            lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout as error:
        raise RunError(
            f"{run}: another process{_holder(run)} works in this run folder. "
            "Wait until it is done, or choose another run folder.",
            settings=("run folder",),
        ) from error
    try:
        if not nested:
            _HELD[_lock_path(run)] = _file(_lock_path(run))
            _sign(run)
        yield
        check_there(run)
    except Exception as error:
        check_there(run, error)
        raise
    finally:
        if not nested:
            _HELD.pop(_lock_path(run), None)
            (run / HOLDER_FILE).unlink(missing_ok=True)
        lock.release()


def check_there(run: Path, cause: Exception | None = None) -> None:
    """See that the run folder is still the one that this process holds; nothing where it holds none.

    Raises:
        RunError: it was moved or deleted.
    """
    path = _lock_path(run)
    if path in _HELD and _file(path) != _HELD[path]:
        raise RunError(
            f"{run}: expected this run folder to stay until the run ends, found it moved or deleted. Put it back, in "
            "place of what may lie there now, and run the same command again: what was finished is kept.",
        ) from cause


def held(run: Path) -> bool:
    """Whether a process, this one included, works in the run folder now; one that may not be written counts as free."""
    if not (run / LOCK_FILE).exists():
        return False
    lock = _lock(run)
    if lock.is_locked:
        return True
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def held_since(run: Path) -> datetime.datetime | None:
    """Since when a process works in the run folder, long ago where it has not signed yet; None where none does."""
    if not held(run):
        return None
    try:
        return datetime.datetime.fromisoformat(read_json(run / HOLDER_FILE)["since"]).astimezone()
    except (RunError, KeyError, TypeError, ValueError):
        return datetime.datetime.fromtimestamp(0, datetime.UTC)


def _lock(run: Path) -> FileLock:
    return FileLock(_lock_path(run), is_singleton=True, thread_local=False)


def _lock_path(run: Path) -> Path:
    return run.resolve() / LOCK_FILE


def _file(path: Path) -> tuple[int, int]:
    """Device and inode; zeros where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _sign(run: Path) -> None:
    now = datetime.datetime.now().astimezone().isoformat(timespec="microseconds")
    write_json(run / HOLDER_FILE, {"pid": os.getpid(), "host": socket.gethostname(), "since": now})


def _holder(run: Path) -> str:
    """` (pid 123 on HOST, since 12:03)`, or nothing where the holder has not signed yet."""
    try:
        found = read_json(run / HOLDER_FILE)
        since = datetime.datetime.fromisoformat(found["since"]).astimezone()
        today = since.date() == datetime.datetime.now().astimezone().date()
        clock = since.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
        return f" (pid {found['pid']} on {found['host']}, since {clock})"
    except (RunError, KeyError, TypeError, ValueError):
        return ""

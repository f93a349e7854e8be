"""What running processes need of the home folder: recorded in `home/pins/`, void the moment the process dies.

A pin is `<uuid>.json` (the keys) beside `<uuid>.lock`, which the process holds locked: the operating system lets go
of it however the process ends. A process that pins or evicts holds `.gate`, so nothing is evicted once it is pinned.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from leukolab.base.errors import StorageError
from leukolab.base.files import make_folder, storage
from leukolab.base.home import Home

WAIT_SECONDS = 60.0
"""How long to wait for another process that is evicting; it does so within a second or so."""


@contextlib.contextmanager
def pin(home: Home, keys: Iterable[str]) -> Iterator[None]:
    """Keep these entries from being evicted, by this and any other process, until the block ends.

    Args:
        keys: `kind/key`, such as `features/features-0f...`, whether it is there yet or not; endings may be left out.

    Raises:
        ValueError: a key is not of that form.
        StorageError: the home folder may not be written, or is full.
    """
    from filelock import FileLock

    names = sorted({_checked(key) for key in keys})
    record = make_folder(home / "pins") / f"{uuid.uuid4().hex}.json"
    lock = FileLock(record.with_suffix(".lock"), thread_local=False)
    try:
        with gate(home), storage(record.parent):
            lock.acquire()
            record.write_text(json.dumps({"keys": names, "pid": os.getpid()}), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            record.unlink(missing_ok=True)
        lock.release()
        with contextlib.suppress(OSError):
            record.with_suffix(".lock").unlink(missing_ok=True)


class Lease:
    """A pin that lasts as long as this object, or as its process: for what is read piece by piece, here and there."""

    def __init__(self, home: Home, keys: Iterable[str]) -> None:
        stack = contextlib.ExitStack()
        stack.enter_context(pin(home, keys))
        self._end = weakref.finalize(self, stack.close)


def pinned(home: Home, sweep: bool = False) -> frozenset[str]:
    """The keys that living processes have pinned, this one among them.

    Args:
        sweep: remove the pins of dead processes; only for a caller that holds the gate.
    """
    keys: set[str] = set()
    for lock in sorted((home / "pins").glob("*.lock")):
        if _held(lock, sweep):
            keys.update(_recorded(lock.with_suffix(".json")))
    return frozenset(keys)


@contextlib.contextmanager
def gate(home: Home, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the one lock under which processes pin and evict.

    Raises:
        StorageError: another process held it for that long, or the home folder may not be written.
    """
    from filelock import FileLock, Timeout

    path = make_folder(home / "pins") / ".gate"
    lock = FileLock(path)
    try:
        with storage(path):
            lock.acquire(timeout=seconds, poll_interval=0.005)
    except Timeout as error:
        raise StorageError(
            f"{path}: another process has been tidying this folder for {seconds:.0f} seconds. "
            "End it if it hangs, or choose another home folder.",
            settings=("home folder",),
        ) from error
    try:
        yield
    finally:
        lock.release()


def _checked(key: str) -> str:
    parts = PurePosixPath(key).parts
    if len(parts) < 2 or parts[0] == "/" or ".." in parts:
        raise ValueError(f"expected 'kind/key', got '{key}'")
    return "/".join(parts)


def _held(lock: Path, sweep: bool) -> bool:
    """Whether a process holds this lock; where none does, the pin is removed if asked."""
    from filelock import FileLock, Timeout

    ours = FileLock(lock)
    try:
        ours.acquire(blocking=False)
    except (Timeout, OSError):
        return True
    if sweep:
        with contextlib.suppress(OSError):
            lock.with_suffix(".json").unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
    ours.release()
    return False


def _recorded(record: Path) -> list[str]:
    """The keys of a pin; none where it is just being made or ended."""
    try:
        return [str(key) for key in json.loads(record.read_text(encoding="utf-8"))["keys"]]
    except (OSError, ValueError, KeyError):
        return []

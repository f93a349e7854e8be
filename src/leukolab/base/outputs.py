"""Files that a person names for what is written: links and devices are written through, inputs refused."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from leukolab.base.errors import StorageError
from leukolab.base.files import atomic, make_folder, storage

STANDARD = (1, 2)
"""Descriptors of standard output and standard error."""


@contextlib.contextmanager
def output(path: Path) -> Iterator[Path]:
    """Give a temporary path; when the block ends well, its content is what `path` stands for, whole or not at all.

    A link stays, and what it points to is written. A device or pipe, such as `/dev/null` or `/dev/stdout`, gets the
    bytes.

    Raises:
        StorageError: the disk is full or may not be written, or a folder stands there.
    """
    with storage(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder", str(path))
        through = _written_through(path)
    if not through:
        with atomic(path.resolve() if path.is_symlink() else path) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "output"
        yield temporary
        with storage(path), temporary.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the one process that writes `folder`; what killed ones left half written beside it is removed first.

    Raises:
        StorageError: another process writes it, or the folder above may not be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(make_folder(folder.parent) / f".{folder.name}.lock")
    try:
        with storage(folder.parent):
            lock.acquire(blocking=False)
    except Timeout as error:
        raise StorageError(
            f"{folder}: another process is writing this folder. Wait until it is done, or choose another folder."
        ) from error
    try:
        temporary = re.compile(re.escape(f".{folder.name}.") + "[0-9a-f]{8}")
        for left in [one for one in folder.parent.iterdir() if temporary.fullmatch(one.name) and one.is_dir()]:
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        with contextlib.suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def check_output(path: Path, inputs: Iterable[Path], suffixes: Iterable[str] = ()) -> None:
    """See that writing `path` destroys nothing that is read, under whatever name.

    Args:
        path: what will be written, by `output`.
        inputs: files that are read.
        suffixes: of images, in small letters, which no output may bear: it would be read as one.

    Raises:
        StorageError: it is one of the inputs, or is called as an image.
    """
    if path.suffix.lower() in suffixes:
        raise StorageError(f"{path}: expected a name for a page or a table, got that of an image. Choose another one.")
    mine = _identity(path)
    for one in inputs if mine is not None else ():
        if _identity(one) == mine:
            raise StorageError(f"{path}: expected a file of its own for what is written, got an input ({one}).")


def _identity(path: Path) -> tuple[int, int] | None:
    """What is the same for every name of a file; None where there is no regular file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _written_through(path: Path) -> bool:
    """Whether the path is a device or a pipe, or what standard output or standard error go to."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        return not stat.S_ISDIR(found.st_mode)
    return any(_same(found, descriptor) for descriptor in STANDARD)


def _same(found: os.stat_result, descriptor: int) -> bool:
    try:
        return os.path.samestat(found, os.fstat(descriptor))
    except OSError:  # closed
        return False

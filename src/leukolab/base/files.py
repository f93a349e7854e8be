"""Files that are whole or absent: written beside their place, then renamed in."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukolab.base.errors import RunError, StorageError
from leukolab.base.regular import NOT_REGULAR, open_regular, regular_descriptor
from leukolab.base.sizes import size_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of a place that this user may not read or write."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a system that can write no more: disk full, quota used up, file as large as files may be."""
UNUSABLE = {
    errno.ENAMETOOLONG: "this name is longer than the disk takes",
    errno.ELOOP: "this link leads back to itself",
    errno.EISDIR: "a folder stands where a file is needed",
}
"""Errors that the name of a file alone makes."""
SCHEMA_VERSION = 1
"""Version of every table this program writes; newer programs read older ones."""


TEXT_BYTES = 64 * 2**20
"""Most that a file which is read whole may hold."""
_SEEKING = threading.Lock()
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")
"""Names that `atomic` and `whole_folder` write under."""


@contextlib.contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn a full disk or a missing permission under `path` into one sentence.

    Raises:
        StorageError: the file system refused.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageError(no_space(path)) from error
        if error.errno in REFUSED:
            raise StorageError(
                f"{path}: no permission to write here. Choose another run folder or home folder.",
                settings=("run folder", "home folder"),
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise StorageError(f"{path}: a file stands where a folder is needed. Choose another folder.") from error
        if error.errno in UNUSABLE:
            raise StorageError(f"{path}: {UNUSABLE[error.errno]}. Choose another name.") from error
        raise


def no_space(path: object) -> str:
    """The sentence for a disk that is full."""
    return (
        f"{path}: no space left on this disk. What was finished is kept: "
        "free some space and run the same command again."
    )


def disk_fault(error: OSError) -> str | None:
    """The sentence for what the disk says and the user can mend, whoever met it; None for other errors."""
    place = "the current folder" if error.filename is None else error.filename
    if error.errno in FULL:
        return no_space("a file" if error.filename is None else place)
    if error.errno in UNUSABLE:
        return f"{place}: {UNUSABLE[error.errno]}. Choose another name."
    if error.errno in REFUSED:
        return f"{place}: no permission to use this. Change its permissions, or choose another folder."
    if error.strerror == NOT_REGULAR:
        return f"{place}: expected a file, found {NOT_REGULAR}. Move it away and run the same command again."
    if error.errno in (errno.ENOENT, errno.ESTALE):
        return (
            f"{place}: expected to find this again, found it moved or deleted. What was finished is kept: "
            "put it back, or run the same command again."
        )
    return None


def make_folder(path: Path) -> Path:
    """Make `path` and its parents, and return it."""
    with storage(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there, safe from a power cut, when the block ends well.

    Raises:
        StorageError: the disk is full or may not be written; nothing is left behind.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with storage(path.parent):
            yield temporary
            to_disk(temporary)
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; rename it there, safe from a power cut, when the block ends well.

    Raises:
        StorageError: the disk is full or may not be written; nothing is left behind.
    """
    make_folder(folder.parent)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        with storage(folder.parent):
            temporary.mkdir()
            yield temporary
            for path in [*temporary.rglob("*"), temporary]:
                to_disk(path)
            shutil.rmtree(folder, ignore_errors=True)
            temporary.replace(folder)
            to_disk(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove half-written files of killed processes below `folder`; only for the one process that writes there."""
    for path in [path for path in folder.rglob(".*") if _TEMPORARY.fullmatch(path.name)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def to_disk(path: Path) -> None:
    """Wait until the operating system has written a file, or the entries of a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_to_read(path: Path) -> int:
    """A descriptor of a regular file for `read_at`; the caller closes it."""
    return regular_descriptor(path)


def read_at(descriptor: int, into: NDArray[np.uint8], offset: int) -> None:
    """Fill `into`, uint8 (n,), with the bytes of an open file from `offset` on.

    Raises:
        OSError: the file ends before.
    """
    if hasattr(os, "preadv"):
        read = os.preadv(descriptor, [into.data], offset)
    else:  # Windows, where all threads share the place in the file
        with _SEEKING:
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, len(into))
        read = len(data)
        into[:read] = bytearray(data)
    if read != len(into):
        raise OSError(f"expected {len(into)} bytes from byte {offset}, found {read}: the file was cut short")


def read_small(path: Path, most: int = TEXT_BYTES) -> bytes:
    """The bytes of a regular file of at most `most` bytes.

    Raises:
        OSError: it is larger, or `open_regular` cannot open it; `strerror` says which.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise OSError(errno.EINVAL, f"it holds {size_text(size)}, more than {size_text(most)}", str(path))
        return stream.read(most)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        RunError: the file is missing, unreadable, or not JSON.
    """
    try:
        return json.loads(read_small(path).decode("utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path}: expected a file here, found none. Is this the folder of a run?") from error
    except OSError as error:
        raise RunError(f"{path}: expected a file, found what cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: expected JSON, found something else ({error}).") from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, its schema version in the metadata; the same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({b"leukolab": str(SCHEMA_VERSION).encode()})
    with atomic(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Raises:
        RunError: the file is missing, damaged, of a newer version than this program knows, or two columns share a name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.exists() and not path.is_file():
        raise RunError(f"{path}: expected a Parquet table, found a folder, device or pipe.")
    try:
        names = pq.read_schema(path).names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RunError(f"{path}: expected columns with names of their own, found two of '{twice[0]}'. Rename one.")
        arrow = pq.read_table(path)
        version = int((arrow.schema.metadata or {}).get(b"leukolab", b"1"))
        if version > SCHEMA_VERSION:
            raise RunError(
                f"{path}: written by a newer Leukolab (schema {version}); this one reads up to {SCHEMA_VERSION}."
            )
        table: pd.DataFrame = arrow.to_pandas(integer_object_nulls=True)  # else whole numbers beside gaps are rounded
    except FileNotFoundError as error:
        raise RunError(f"{path}: expected a table here, found none. Is this the folder of a run?") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        first = str(error).partition("\n")[0]
        raise RunError(f"{path}: expected a Parquet table, found a damaged file ({first}).") from error
    return table

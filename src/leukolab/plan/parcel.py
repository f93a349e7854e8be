"""Artefacts as bytes, for machines that share no file system: sealed pieces of a tar stream, put in place whole."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from leukolab.base.errors import StorageError
from leukolab.base.files import make_folder, storage, to_disk

PIECE_BYTES = 16 << 20
"""About how much of an artefact on its way is held in memory."""

_SEAL = hashlib.sha256().digest_size
_ROOT = "artefact"


def to_bytes(path: Path) -> Iterator[bytes]:
    """A file or a folder as pieces of about PIECE_BYTES, each behind its SHA-256; memory does not grow with its size.

    Raises:
        FileNotFoundError: it does not exist, or a file in it vanished while it was read.
    """
    waiting = bytearray()
    for part in _stream(path):
        waiting += part
        if len(waiting) >= PIECE_BYTES:
            yield _seal(bytes(waiting))
            waiting.clear()
    yield _seal(bytes(waiting))


def from_bytes(pieces: Iterable[bytes], path: Path) -> None:
    """Put what `to_bytes` gave at `path`, whole or not at all; a folder that another process put there stays.

    Raises:
        StorageError: a piece was damaged on its way, or the disk is full or may not be written.
    """
    temporary = make_folder(path.parent) / f".{path.name}.{uuid.uuid4().hex[:8]}"
    try:
        with storage(path.parent), _whole(path):
            temporary.mkdir()
            with tarfile.open(fileobj=_Reader(iter(pieces)), mode="r|", bufsize=1 << 20) as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(temporary)
            for item in temporary.rglob("*"):
                to_disk(item)
            _move(temporary / _ROOT, path)
            to_disk(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(new: Path, path: Path) -> None:
    """Rename a file or a folder into its place; a folder that another process put there stays."""
    try:
        new.replace(path)
    except OSError:
        if not path.is_dir():
            raise


def _stream(path: Path) -> Iterator[bytes]:
    """The tar archive of a file or a folder, names in order, without owners and times."""
    for item in [path, *sorted(path.rglob("*"))]:
        info = tarfile.TarInfo(f"{_ROOT}/{item.relative_to(path).as_posix()}" if item != path else _ROOT)
        if item.is_dir():
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            yield info.tobuf()
            continue
        with item.open("rb") as stream:
            info.size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            yield info.tobuf()
            while block := stream.read(PIECE_BYTES):
                yield block
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _seal(piece: bytes) -> bytes:
    return hashlib.sha256(piece).digest() + piece


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.TarError as error:
        raise StorageError(f"{path}: damaged on its way here ({error}). Run the same command again.") from error


class _Reader(io.RawIOBase):
    """The stream behind sealed pieces; each is checked before anything of it is used."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            if hashlib.sha256(memoryview(piece)[_SEAL:]).digest() != piece[:_SEAL]:
                raise tarfile.ReadError("checksum does not hold")
            self._left = memoryview(piece)[_SEAL:]
        part, self._left = self._left[:size], self._left[size:]
        return bytes(part)

"""Files of the home folder that carry their own proof: the last 32 bytes are the SHA-256 of their name and of the rest.

A file without that proof is as good as absent, and whoever asks makes it anew. The name is part of the proof, so a file
of another key is refused too. A process hashes each file once, and again where its bytes were written to since.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from leukolab.base import shelf
from leukolab.base.files import atomic, open_to_read
from leukolab.base.home import Home
from leukolab.base.pins import pin
from leukolab.base.regular import open_regular

OPEN_FILES = 128
"""Files that a process holds open at most."""
PROOF_BYTES = hashlib.sha256().digest_size
_PIECE_BYTES = 1 << 20

_Version = tuple[int, int, int]
"""Inode, bytes and time of the last write (nanoseconds): another where a file was replaced or written to."""
_OPEN: OrderedDict[Path, int] = OrderedDict()
"""Descriptors this process holds, the one used last at the end."""
_PROVED: dict[Path, _Version] = {}
"""Files whose proof this process has seen to hold."""


def write(home: Home, name: str, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file, whole or not at all; neither it nor its folder is evicted meanwhile.

    Args:
        home: the home folder.
        name: of the file below it, such as `trunks/KEY.onnx`.
        parts: its bytes.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    path, hasher = home / name, hashlib.sha256(name.encode())
    _close(path)
    with pin(home, [name]), atomic(path) as temporary:
        with temporary.open("wb") as out:
            for part in parts:
                hasher.update(part)
                out.write(part)
            out.write(hasher.digest())
        _PROVED[path] = _version(temporary.stat())


def read(home: Home, name: str) -> bytes | None:
    """The bytes of a file that `write` wrote; None where there is none, or its proof does not hold."""
    try:
        with open_regular(home / name) as stream:
            data = stream.read()
    except OSError:
        return None
    view = memoryview(data)[:-PROOF_BYTES]
    hasher = hashlib.sha256(name.encode())
    hasher.update(view)
    if len(data) < PROOF_BYTES or hasher.digest() != data[-PROOF_BYTES:]:
        return None
    shelf.used(home / name)
    return bytes(view)


def opened(home: Home, name: str) -> int | None:
    """A descriptor for `read_at` of a file that `write` wrote; None where there is none, or its proof does not hold.

    It stays good where the file is deleted, and is closed here once OPEN_FILES others were asked for.
    """
    path = home / name
    if path in _OPEN and _PROVED[path] == _version_at(path, _PROVED[path]):
        _OPEN.move_to_end(path)
        return _OPEN[path]
    _close(path)
    descriptor = _proved(path, name)
    if descriptor is None:
        return None
    while len(_OPEN) >= OPEN_FILES:
        os.close(_OPEN.popitem(last=False)[1])
    _OPEN[path] = descriptor
    shelf.used(path)
    return descriptor


def whole(home: Home, name: str) -> bool:
    """Whether a file that `write` wrote is there and its proof holds; it then counts as used now."""
    path = home / name
    if _PROVED.get(path) != _version_at(path, None):
        descriptor = _proved(path, name)
        if descriptor is None:
            return False
        os.close(descriptor)
    elif path not in _PROVED:
        return False
    shelf.used(path)
    return True


def _proved(path: Path, name: str) -> int | None:
    """A descriptor of a file whose proof holds."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return None
    version = _version(os.fstat(descriptor))
    if _PROVED.get(path) != version and not _holds(descriptor, version[1] - PROOF_BYTES, name):
        os.close(descriptor)
        return None
    _PROVED[path] = version
    return descriptor


def _holds(descriptor: int, length: int, name: str) -> bool:
    hasher = hashlib.sha256(name.encode())
    with open(descriptor, "rb", buffering=0, closefd=False) as stream:
        try:
            while length > 0 and (piece := stream.read(min(length, _PIECE_BYTES))):
                hasher.update(piece)
                length -= len(piece)
            return length == 0 and stream.read() == hasher.digest()
        except OSError:
            return False


def _version(found: os.stat_result) -> _Version:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _version_at(path: Path, absent: _Version | None) -> _Version | None:
    """The version of the file that lies there now, `absent` where none does."""
    try:
        return _version(path.stat())
    except OSError:
        return absent


def _close(path: Path) -> None:
    if path in _OPEN:
        os.close(_OPEN.pop(path))

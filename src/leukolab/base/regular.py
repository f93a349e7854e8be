"""Files that may be opened: a pipe, a socket or a device never ends, or holds up whoever opens it."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

NOT_REGULAR = "a pipe, socket or device, not a file"
"""What the error says of these."""


def open_regular(path: Path) -> BufferedReader:
    """A regular file, or the one that a link leads to, opened for reading; never waits for a writer.

    Raises:
        IsADirectoryError: it is a folder.
        OSError: it is a pipe, a socket or a device, with errno `EINVAL`; or it cannot be opened.
    """
    return os.fdopen(regular_descriptor(path), "rb")


def regular_descriptor(path: Path) -> int:
    """As `open_regular`, the descriptor alone; the caller closes it."""
    check_regular(path.stat().st_mode, path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        check_regular(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_regular(mode: int, path: Path) -> None:
    """As `open_regular` does, from what `stat` says.

    Raises:
        OSError: this is no regular file.
    """
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder, not a file", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))

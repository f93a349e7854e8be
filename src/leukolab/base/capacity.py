"""What this machine has left: memory for this process, and space on a disk."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_LINUX, _CONTAINER = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def free_memory() -> int | None:
    """Bytes of memory that can be had now, in a container no more than it may have; None where nobody tells."""
    known = [size for size in (_available(), _container()) if size is not None]
    return min(known, default=None)


def free_disk(path: Path) -> int:
    """Bytes that are free on the disk where `path` is or will be."""
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def _available() -> int | None:
    found = re.search(r"MemAvailable:\s+(\d+) kB", _LINUX.read_text(encoding="ascii")) if _LINUX.exists() else None
    if found is not None:
        return int(found[1]) * 1024
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container() -> int | None:
    try:
        text = _CONTAINER.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None

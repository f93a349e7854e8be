"""Imports of large libraries without the garbage collector, which would go through all they hold again and again."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def large_imports() -> Iterator[None]:
    """Import inside; what is there at the end stays, and later collections leave it out.

    At exit it is as everything else again, lest libraries speak of leaks.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)

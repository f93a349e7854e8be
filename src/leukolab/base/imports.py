"""Large imports without the garbage collector, which would search all they hold again and again."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def large_imports() -> Iterator[None]:
    """Switch the garbage collector off inside; later collections leave out what exists at the end.

    At the exit of the program it is collected as usual, so that libraries report no leaks.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)

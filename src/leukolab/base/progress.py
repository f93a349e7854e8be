"""News and progress: what the program tells while it works.

News goes through `logging`, below the logger `leukolab`: info is what happens, debug is detail, a warning is what went
wrong and was mended. By itself the library shows nothing; `shown` says where news goes while a block runs. A `Terminal`
is the one place where lines and bars meet: without one there are no bars, so none in worker processes.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from leukolab.base import signs

T = TypeVar("T")

NEWS = logging.getLogger("leukolab")
"""The logger above all of the library's."""


class Terminal(logging.Handler):
    """Writes news as plain lines on standard error, without disturbing a bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if sys.stderr is None:  # closed by the caller
            return
        from tqdm import tqdm

        tqdm.write(signs.shown(self.format(record)), file=sys.stderr)
        sys.stderr.flush()


class Relay(logging.Handler):
    """Hands news to a function as level and line, for another process that shows them."""

    def __init__(self, take: Callable[[int, str], None]) -> None:
        super().__init__()
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one line over."""
        self._take(record.levelno, self.format(record))


@contextlib.contextmanager
def shown(handler: logging.Handler, level: int = logging.INFO) -> Iterator[None]:
    """Send news of this level and above to `handler`, and to no handler of the root logger, while the block runs."""
    before = NEWS.level, NEWS.propagate
    NEWS.addHandler(handler)
    NEWS.setLevel(level)
    NEWS.propagate = False
    try:
        yield
    finally:
        NEWS.removeHandler(handler)
        NEWS.setLevel(before[0])
        NEWS.propagate = before[1]


def progress(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Pass `items` through while a bar shows how many of `total` are done and the time left.

    There is a bar where news goes to a `Terminal`, at the level info or below, and a person watches standard error.
    """
    if not (NEWS.isEnabledFor(logging.INFO) and any(isinstance(one, Terminal) for one in NEWS.handlers)):
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=what, file=sys.stderr, leave=False, mininterval=0.5, disable=None)


def duration(seconds: float) -> str:
    """`8 s`, `12 min` or `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

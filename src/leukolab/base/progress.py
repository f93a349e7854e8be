"""Progress with the time left, on standard error; silent where nobody watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_hidden = False


def hide_bars() -> None:
    """Draw no bars in this process from now on: it works for another that tells its progress."""
    global _hidden
    _hidden = True


def progress(items: Iterable[T], total: int | None, what: str) -> Iterator[T]:
    """Pass `items` through while a bar shows how many of `total` are done and the time left."""
    from tqdm import tqdm

    yield from tqdm(
        items, total=total, desc=what, file=sys.stderr, leave=False, mininterval=0.5, disable=_hidden or None
    )


def say(text: str) -> None:
    """One line for the person at the terminal, on standard error, without disturbing a bar."""
    from tqdm import tqdm

    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


def duration(seconds: float) -> str:
    """`8 s`, `12 min` or `3.4 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

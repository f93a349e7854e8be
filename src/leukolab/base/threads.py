"""The one pool of threads: results in order while later ones are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from leukolab.base.cores import cores

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Item], Made],
    items: Iterable[Item],
    threads: int = 1,
    most: int | None = None,
    start: Callable[[], None] | None = None,
) -> Iterator[Made]:
    """Results of `make` in order, made by threads while those before are in use.

    Args:
        make: called in a thread; what it raises is raised here.
        items: what to call it with; taken one by one, as results are taken.
        threads: how many.
        most: results that are being made or wait to be taken, at most; one more than threads where None.
        start: called first in each thread.
    """
    most = most or threads + 1
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, initializer=start) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) == most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def reader_count() -> int:
    """Threads that read and decode files: one per core that this process may use, at most 8."""
    return min(8, cores())

"""A function over many files by threads: results in order, a bar, and only a few in memory at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from leukolab.base.cores import cores
from leukolab.base.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Sequence[Item], what: str, workers: int | None = None
) -> Iterator[Result]:
    """Results of `function` for each item, in their order, at most four a worker waiting.

    Threads, not processes: decoding, resizing and hashing leave Python's lock, and threads start alike everywhere.

    Args:
        function: called in a thread; what it raises is raised here.
        items: what to call it with.
        what: named in the progress bar.
        workers: threads; as many as processors, at most 8, where None.
    """
    yield from progress(_results(function, items, workers or worker_count()), len(items), what)


def worker_count() -> int:
    """Threads that decode: one a processor this process may use, at most 8."""
    return min(8, cores())


def _results(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

"""A function over many files by threads: results in order, a bar, and only a few in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from leukolab.base.progress import progress
from leukolab.base.threads import ahead, reader_count
from leukolab.images.budget import in_turn

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_files(
    function: Callable[[Item], Result], items: Sequence[Item], what: str, threads: int | None = None
) -> Iterator[Result]:
    """Results of `function` for each item, in their order; at most four per thread wait, and large images take turns.

    Threads, not processes: decoding, resizing and hashing release Python's lock, and threads start alike everywhere.

    Args:
        function: called in a thread; what it raises is raised here.
        items: what to call it with.
        what: named in the progress bar.
        threads: how many; `reader_count` where None.
    """
    threads = threads or reader_count()
    yield from progress(ahead(in_turn(function), items, threads, 4 * threads), len(items), what)

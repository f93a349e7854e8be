"""The work of one task: a function by its dotted name, called, and what it should have made looked for."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from leukolab.plan.task import Place, Task

Tell = Callable[[str], None]
"""Takes one line of a task for the person who waits."""

Work = Callable[[Place, dict[str, Any], Tell], None]
"""Does the work of a task: reads its payload, writes its artefacts whole or not at all, and may be called again."""


def do(task: Task, place: Place, work: str, tell: Tell) -> float:
    """Call the work of one task, and see that it made what it should in the run folder.

    What it made in the home folder may be gone already where the cache is small; the task that needs it makes it again.

    Returns:
        Seconds it took.

    Raises:
        RuntimeError: it ended and an artefact is missing: a bug in the work.
        Exception: what the work raised.
    """
    started = time.perf_counter()
    find_work(work)(place, task.payload, tell)
    missing = [made for made in task.makes if made.startswith("run/") and not place.find(made).exists()]
    if missing:
        raise RuntimeError(f"{task.name}: ended without making {', '.join(missing)}")
    return time.perf_counter() - started


def find_work(work: str) -> Work:
    """The function of that dotted name, `package.module:function`."""
    module, _, name = work.partition(":")
    found: Work = getattr(importlib.import_module(module), name)
    return found

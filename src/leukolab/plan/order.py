"""What of a plan is left to do, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from leukolab.plan.task import Place, Task


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks so that each comes after those it waits for, else in the order given.

    Raises:
        ValueError: two tasks have one key, or tasks wait for each other in a circle.
    """
    twice = [key for key, count in Counter(task.key for task in tasks).items() if count > 1]
    if twice:
        raise ValueError(f"two tasks have the key {twice[0]}")
    frontier = Frontier(tasks)
    ordered = list(_drain(frontier))
    if len(ordered) < len(tasks):
        raise ValueError(f"tasks wait for each other in a circle: {', '.join(task.name for task in frontier.waiting)}")
    return ordered


def wanted(tasks: Sequence[Task], place: Place) -> list[Task]:
    """The tasks that still have to run, in order.

    A task whose artefacts exist is done. One that makes only what lies in the home folder, and that only done tasks
    wait for, is not run again where that was deleted.

    Raises:
        ValueError: as `in_order`.
    """
    ordered = in_order(tasks)
    waited_for = {key for task in ordered for key in task.after}
    asked = {task.key for task in ordered if task.key not in waited_for or not _is_cache(task)}
    left = []
    for task in reversed(ordered):
        if task.key in asked and not is_done(task, place):
            left.append(task)
            asked.update(task.after)
    return left[::-1]


def is_done(task: Task, place: Place) -> bool:
    """Whether everything the task makes exists; never for one that makes nothing."""
    return bool(task.makes) and place.has(task.makes)


def _is_cache(task: Task) -> bool:
    return bool(task.makes) and all(artefact.startswith("home/") for artefact in task.makes)


class Frontier:
    """The tasks that may start now, while others finish."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        keys = {task.key for task in tasks}
        self.waiting = list(tasks)
        self._open = {task.key: set(task.after) & keys for task in tasks}

    def take(self) -> Task | None:
        """The first task whose predecessors are finished, taken out; None where there is none now."""
        for position, task in enumerate(self.waiting):
            if not self._open[task.key]:
                return self.waiting.pop(position)
        return None

    def put_back(self, task: Task, after: Iterable[str] = ()) -> None:
        """Let a task that was taken start once more, before the others, but after tasks that are made again."""
        self._open[task.key].update(after)
        self.waiting.insert(0, task)

    def finish(self, key: str) -> None:
        """Note that the task is done."""
        for before in self._open.values():
            before.discard(key)


def _drain(frontier: Frontier) -> Iterator[Task]:
    while (task := frontier.take()) is not None:
        frontier.finish(task.key)
        yield task

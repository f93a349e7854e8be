"""What the driver of a plan notes and tells: every event in the ledger, every line as news."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from leukolab.base.progress import duration
from leukolab.plan.ledger import Event, read_events, seconds_left, unmeasured, write_event
from leukolab.plan.lock import check_there
from leukolab.plan.task import Task

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]
"""Takes all lines of a plan, see `leukolab.base.progress`."""


class Journal:
    """Ledger and news of a run folder, kept by the one process that drives the plan; it ends where that was moved.

    Args:
        run: the run folder.
        tasks: the whole plan.
        left: what of it is left.
        log: takes each line.
    """

    def __init__(self, run: Path, tasks: Sequence[Task], left: Sequence[Task], log: Log) -> None:
        self._run = run
        self._tasks = tuple(tasks)
        self._left = {task.key: task for task in left}
        self._log = log
        self._events = [event for event in read_events(run) if event.event in ("opened", "finished")]

    def opened(self, where: str, workers: int) -> None:
        """Note that the plan begins or goes on, and how many tasks run at once."""
        self._write(Event("opened", note=where, workers=workers))

    def started(self, task: Task, pid: int = 0) -> None:
        """Note that a task begins, in the process `pid` (this one where 0)."""
        self._write(_event("started", task, pid=pid))

    def progress(self, task: Task, text: str, pid: int = 0) -> None:
        """Note and tell a line of a task."""
        self._write(_event("progress", task, note=text, pid=pid))
        self._log.info("%s: %s", task.name, text)

    def finished(self, task: Task, seconds: float, pid: int = 0) -> None:
        """Note that a task is done, and tell how many are and the time left."""
        self._write(_event("finished", task, seconds=round(seconds, 3), pid=pid))
        self._left.pop(task.key, None)
        done = len(self._tasks) - len(self._left)
        self._log.info(f"{task.name}: done in {duration(seconds)} ({done} of {len(self._tasks)}{self._ahead()})")

    def failed(self, task: Task, error: str, pid: int = 0) -> None:
        """Note that a task failed, by the class name of its error alone: a text may name a person's image."""
        self._write(_event("failed", task, note=error, pid=pid))

    def say(self, task: Task, text: str, level: int = logging.INFO) -> None:
        """Tell a line about a task that is not noted."""
        self._log.log(level, f"{task.name}: {text}")

    def again(self, task: Task, why: str) -> None:
        """Tell that a task starts once more."""
        self.say(task, f"{why}; started once more", logging.WARNING)

    def _write(self, event: Event) -> None:
        check_there(self._run)
        write_event(self._run, event)
        if event.event in ("opened", "finished"):
            self._events.append(event)

    def _ahead(self) -> str:
        left = list(self._left.values())
        seconds = seconds_left(left, self._tasks, self._events, {})
        word = "at least" if unmeasured(left, self._tasks, self._events) else "about"
        return f", {word} {duration(seconds)} left" if left and seconds is not None else ""


def _event(event: str, task: Task, seconds: float | None = None, note: str = "", pid: int = 0) -> Event:
    return Event(event, task.key, task.name, task.kind, seconds, note, pid)

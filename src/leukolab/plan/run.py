"""Runs a plan: what is left of it, in order, where the caller says; the same call goes on after any end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from leukolab.plan.journal import Journal, Log
from leukolab.plan.lock import hold
from leukolab.plan.order import wanted
from leukolab.plan.target import usable_target
from leukolab.plan.task import Place, Task
from leukolab.plan.work import do

NEWS = logging.getLogger(__name__)


def run_plan(tasks: Sequence[Task], place: Place, work: str, on: str = "local", log: Log = NEWS) -> None:
    """Run what is left of a plan.

    Args:
        tasks: the whole plan; tasks whose artefacts exist are skipped.
        place: the run folder, the home folder and the images.
        work: `package.module:function` with the signature of `Work`, imported where a task runs.
        on: `auto` (here one process), `local`, `local:N`, `ray` or `ray://ADDRESS`, as `read_target` reads it.
        log: takes what the tasks tell, each line with the task's name, and a line for each that is done.

    Raises:
        LeukolabError: what a task raised, as it is; or the run folder is in use, `on` is unknown, or Ray is missing.
        Exception: what else a task raised; from another process with its traceback there as a note.
        ValueError: the plan has no order.
    """
    target = usable_target(on)
    with hold(place.run):
        left = wanted(tasks, place)
        if not left:
            return
        NEWS.debug(f"{len(left)} of {len(tasks)} tasks left, {on}")
        journal = Journal(place.run, tasks, left, log)
        if target.kind == "ray":
            from leukolab.plan.ray import run_on_ray

            run_on_ray(left, place, work, target.address, journal)
        elif target.workers <= 1:
            run_here(left, place, work, journal)
        else:
            from leukolab.plan.local import run_in_processes

            run_in_processes(left, place, work, target.workers, journal)


def run_here(left: Sequence[Task], place: Place, work: str, journal: Journal) -> None:
    """Run the tasks in this process, one after the other.

    Raises:
        Exception: what a task raised.
    """
    journal.opened("local", 1)
    for task in left:
        journal.started(task)
        try:
            seconds = do(task, place, work, partial(journal.progress, task))
        except Exception as error:
            journal.failed(task, type(error).__name__)
            raise
        journal.finished(task, seconds)

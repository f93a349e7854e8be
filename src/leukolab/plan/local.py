"""Runs tasks in several processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from leukolab.base.errors import RunError
from leukolab.base.progress import NEWS
from leukolab.plan.failure import rebuild_error
from leukolab.plan.journal import Journal
from leukolab.plan.order import Frontier
from leukolab.plan.task import Place, Task
from leukolab.plan.worker import Message, serve

LIVES = 2
"""How often a task may lose its process before the plan stops."""

GRACE_SECONDS = 5.0
"""How long a worker may take to tidy up after it was asked to end."""


@dataclass
class Worker:
    """A process, the pipe to it, and what it does now."""

    process: SpawnProcess
    pipe: Connection
    task: Task | None = None


def run_in_processes(left: Sequence[Task], place: Place, work: str, workers: int, journal: Journal) -> None:
    """Run the tasks in up to `workers` processes; each takes the first task that may start.

    What a task asks of processors and graphics cards is for clusters; here as many tasks run as there are workers.
    After a failure the tasks that run are stopped; those that finished are kept.

    Raises:
        RunError: a task lost its process twice.
        Exception: what a task raised.
    """
    workers = min(workers, len(left))
    journal.opened(f"local:{workers}", workers)
    frontier, lost = Frontier(left), Counter[str]()
    with _crew() as crew:
        while frontier.waiting or any(worker.task for worker in crew):
            _employ(crew, workers, frontier, (place, work), journal)
            for worker in _ready(crew):
                _hear(worker, crew, frontier, lost, journal)


def _employ(crew: list[Worker], most: int, frontier: Frontier, job: tuple[Place, str], journal: Journal) -> None:
    """Give each idle worker the next task, starting workers up to the most there may be."""
    while (task := frontier.take()) is not None:
        worker = next((one for one in crew if one.task is None), None)
        if worker is None and len(crew) == most:
            frontier.put_back(task)
            return
        if worker is None:
            worker = _start(*job)
            crew.append(worker)
        worker.task = task
        journal.started(task, worker.process.pid or 0)
        with contextlib.suppress(BrokenPipeError):
            worker.pipe.send(task.to_dict())


def _start(place: Place, work: str) -> Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, place.absolute(), work, os.getpid(), NEWS.getEffectiveLevel()))
    with _without_interrupt():
        process.start()
    there.close()
    return Worker(process, here)


@contextlib.contextmanager
def _without_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back: a process started inside never hears it, the driver does afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ready(crew: list[Worker]) -> list[Worker]:
    """The workers that sent something or died; waits for one."""
    pipes = wait([worker.pipe for worker in crew])
    return [worker for worker in crew if worker.pipe in pipes]


def _hear(worker: Worker, crew: list[Worker], frontier: Frontier, lost: Counter[str], journal: Journal) -> None:
    """Take one message of a worker, or its death."""
    task, pid = worker.task, worker.process.pid or 0
    try:
        kind, content = _message(worker)
    except (EOFError, OSError):
        crew.remove(worker)
        _bury(worker, frontier, lost, journal)
        return
    if task is None:
        return
    if kind == "told":
        journal.progress(task, content, pid)
    elif kind == "logged":
        level, line = content
        journal.say(task, line, level)
    elif kind == "failed":
        journal.failed(task, content.name, pid)
        raise rebuild_error(content)
    else:
        worker.task = None
        frontier.finish(task.key)
        journal.finished(task, content, pid)


def _message(worker: Worker) -> Message:
    message: Message = worker.pipe.recv()
    return message


def _bury(worker: Worker, frontier: Frontier, lost: Counter[str], journal: Journal) -> None:
    """Let the task of a dead worker start once more.

    Raises:
        RunError: it lost its process too often.
    """
    worker.process.join(GRACE_SECONDS)
    worker.pipe.close()
    task = worker.task
    if task is None:
        return
    lost[task.key] += 1
    journal.failed(task, f"process ended ({worker.process.exitcode})", worker.process.pid or 0)
    if lost[task.key] == LIVES:
        raise RunError(
            f"{task.name}: its process ended {LIVES} times before the task did (exit code {worker.process.exitcode}). "
            "If memory ran out, run fewer at once with on=local:N and a smaller N. Finished tasks are kept.",
            settings=("on",),
        )
    journal.again(task, f"its process ended (exit code {worker.process.exitcode})")
    frontier.put_back(task)


@contextlib.contextmanager
def _crew() -> Iterator[list[Worker]]:
    """A list of workers that are let go at the end, and stopped where it ends badly."""
    crew: list[Worker] = []
    try:
        yield crew
        for worker in crew:
            with contextlib.suppress(BrokenPipeError):
                worker.pipe.send(None)
    except BaseException:
        for worker in crew:
            worker.process.terminate()
        raise
    finally:
        for worker in crew:
            worker.process.join(GRACE_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
            worker.process.close()

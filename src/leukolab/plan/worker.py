"""A worker process: takes tasks from the driver one by one, tells what happens, and never outlives the driver."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from leukolab.base.progress import Relay, shown
from leukolab.plan.failure import describe_error
from leukolab.plan.task import Place, Task
from leukolab.plan.work import do

Message = tuple[str, Any]
"""From a worker: (`told`, line), (`logged`, (level, line)), (`finished`, seconds), (`failed`, Failure)."""
Send = Callable[[str, Any], None]
"""Sends a message by its kind and content."""

PR_SET_PDEATHSIG = 1


def serve(pipe: Connection, place: Place, work: str, driver: int, level: int) -> None:
    """Work until the driver sends None or is gone.

    Args:
        pipe: gets tasks as JSON values, sends messages.
        place: where things are, by absolute paths.
        work: dotted name of the function.
        driver: process id of the driver.
        level: of the news that the driver is sent, as in `logging`.
    """
    _die_with(driver)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lock = threading.Lock()

    def send(kind: str, content: Any) -> None:
        with lock:  # news may come from any thread
            pipe.send((kind, content))

    relay = Relay(lambda level, line: send("logged", (level, line)))
    with contextlib.suppress(EOFError, BrokenPipeError), shown(relay, level):
        while (values := pipe.recv()) is not None:
            _attempt(Task.from_dict(values), place, work, send)


def _attempt(task: Task, place: Place, work: str, send: Send) -> None:
    try:
        seconds = do(task, place, work, partial(send, "told"))
    except Exception as error:
        send("failed", describe_error(error))
    else:
        send("finished", seconds)


def _die_with(driver: int) -> None:
    """End this process when the driver ends, however it ends: by the kernel on Linux, by a watching thread anywhere.

    The kernel counts the thread that started this process as its parent; `run_in_processes` stays in it to the end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != driver:
            os._exit(1)
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)

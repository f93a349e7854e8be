"""The command line in processes of their own that start warm: forked from a server that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["leukolab.cli", "leukolab.study.run", "leukolab.study.finish", "sklearn.ensemble"])


def command(arguments: Sequence[str], log: str, largest_file: int | None) -> None:
    """In the new process: be the leader of its group, write to `log`, obey the bound on files, run the command."""
    os.setsid()
    with Path(log).open("wb") as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from leukolab.cli import main

    main(list(arguments))


@contextmanager
def started(log: Path, *arguments: object, largest_file: int | None = None) -> Iterator[BaseProcess]:
    """`leukolab ARGUMENTS...`, killed at the end of the block where it still runs."""
    given = [str(argument) for argument in arguments]
    process = CONTEXT.Process(target=command, args=(given, str(log), largest_file))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def ended(log: Path, *arguments: object, largest_file: int | None = None) -> int | None:
    """Exit code of `leukolab ARGUMENTS...`, run to its end."""
    with started(log, *arguments, largest_file=largest_file) as process:
        process.join(300)
        return process.exitcode

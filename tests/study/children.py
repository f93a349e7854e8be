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
SMALL_STUDY = (
    "--backbone", "test_efficientnet", "--weights", "none", "--image-size", "48", "--epochs", "2+1",
    "--set", "report.sections=[]", "--set", "training.learning_rates=[0.01]", "--set", "bootstrap=100",
    "--set", "training.augment.views=2",
    "--set", "protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set", "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
"""Options of `study run demo` that a run takes seconds with, its report but a head."""
SAME = ("predictions.parquet", "scores.parquet", "members.parquet", "chosen.json")
"""What two runs of it have alike, byte for byte."""


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

"""A command measured from outside: wall time, CPU time and memory of its whole tree of processes.

Works on Linux from /proc; elsewhere on POSIX memory is that of the largest process alone.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

EVERY_SECONDS = 0.3
"""Between two looks at the tree."""
PROC = Path("/proc")


@dataclass(frozen=True)
class Measured:
    """What a command cost.

    Attributes:
        cpu_seconds: user and system time of all its processes.
        peak_gib: largest sum over the tree at one look; pages shared by processes count once (PSS).
        peak_private_gib: the same without mapped files, which the system may drop at any time.
        largest_process_gib: largest resident memory of one process, as the kernel kept it.
        load_before: processes waiting for a core on the whole machine in the minute before; above 0.3 it was not quiet.
    """

    exit_code: int
    wall_seconds: float
    cpu_seconds: float
    peak_gib: float | None
    peak_private_gib: float | None
    largest_process_gib: float
    load_before: float


@dataclass
class _Tree:
    """The processes of one command, seen again and again."""

    root: int
    seconds: dict[tuple[int, str], float] = field(default_factory=dict)
    peak: int = 0
    peak_private: int = 0

    def look(self) -> None:
        """Add what the processes of now have used, and the memory they hold together."""
        sizes = [(0, 0)]
        for pid, started, seconds in _members(self.root, set(self.seconds)):
            self.seconds[pid, started] = seconds
            sizes.append(_memory(pid))
        self.peak = max(self.peak, sum(size for size, _ in sizes))
        self.peak_private = max(self.peak_private, sum(private for _, private in sizes))


def run_measured(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> Measured:
    """Run `command` with its output in `log`, and measure it.

    Args:
        env: added to the environment of this process.

    Raises:
        KeyboardInterrupt: passed on after the tree was stopped.
    """
    load = os.getloadavg()[0]
    with log.open("wb") as out:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        tree, done = _Tree(process.pid), threading.Event()
        watcher = threading.Thread(target=_watch, args=(tree, done), daemon=True)
        watcher.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            _stop(process)
            raise
        finally:
            done.set()
            watcher.join()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    return _measured(process.returncode, wall, tree, used, load)


def _measured(code: int, wall: float, tree: _Tree, used: resource.struct_rusage, load: float) -> Measured:
    """Times of processes that nobody waited for are in the looks only, of short ones in the kernel's sum only."""
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(
        exit_code=code,
        wall_seconds=round(wall, 2),
        cpu_seconds=round(max(used.ru_utime + used.ru_stime, sum(tree.seconds.values())), 2),
        peak_gib=_gib(tree.peak) if tree.peak else None,
        peak_private_gib=_gib(tree.peak_private) if tree.peak else None,
        largest_process_gib=_gib(used.ru_maxrss * unit),
        load_before=round(load, 2),
    )


def _gib(size: int) -> float:
    return round(size / 2**30, 3)


def _watch(tree: _Tree, done: threading.Event) -> None:
    while PROC.is_dir() and not done.wait(EVERY_SECONDS):
        tree.look()


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        process.wait()


def _members(root: int, known: set[tuple[int, str]]) -> list[tuple[int, str, float]]:
    """(pid, start, CPU seconds) of the processes of the tree: of its session, below it, or seen in it before."""
    rows = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    inside = {pid for pid, stat in rows.items() if pid == root or int(stat[3]) == root or (pid, stat[19]) in known}
    grown = True
    while grown:
        more = {pid for pid, stat in rows.items() if int(stat[1]) in inside and pid not in inside}
        inside |= more
        grown = bool(more)
    tick = os.sysconf("SC_CLK_TCK")
    return [(pid, rows[pid][19], (int(rows[pid][11]) + int(rows[pid][12])) / tick) for pid in sorted(inside)]


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (parent is 1, session 3, times 11 and 12, start 19)."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _memory(pid: int) -> tuple[int, int]:
    """(bytes with the process's share of shared pages, of these bytes not backed by a file)."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    sizes = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes.get("Pss", 0), sizes.get("Pss_Anon", 0) + sizes.get("Pss_Shmem", 0)

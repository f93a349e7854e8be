"""One trial: a piece of work in a process of its own, watched from outside, and what was wrong with how it ended."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_SECONDS = 60.0
MOST_BYTES = 2 * 1024**3
LOOK_SECONDS = 0.02
CRASHED = 70
"""Exit code of a trial whose work raised something that the command line turns into no sentence."""
FINE = frozenset({0, 2})

_RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile", "pty.spawn")
_WRITES = {"os.rename": (0, 1), "os.mkdir": (0,), "os.remove": (0,), "os.rmdir": (0,), "os.link": (1,),
           "os.symlink": (1,), "os.truncate": (0,), "shutil.rmtree": (0,)}  # fmt: skip
"""Events of Python that change the disk, and which of their values are the paths changed."""
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FREE = ("/dev/null", "/dev/tty", "/dev/shm", "/proc/self")


class ToldError(Exception):
    """What a trial found wrong itself."""


@dataclass(frozen=True)
class Ended:
    """How a trial ended: exit code (negative: a signal), what it printed, its cost, and what was wrong."""

    code: int
    out: str
    err: str
    seconds: float
    peak_bytes: int
    wrong: tuple[str, ...]


def trial(work: Callable[[], int], folder: Path, codes: frozenset[int] = FINE) -> Ended:
    """Do `work` in a fork of this process, in `folder`, with nothing to read and nowhere else to write.

    Args:
        work: returns an exit code, or raises `ToldError` for what it found wrong.
        folder: exists; standard output and error go to files in it.
        codes: exit codes that are as they should be.
    """
    started = time.monotonic()
    child = os.fork()
    if not child:
        _inside(work, folder)
    peak, status, killed = _watched(child, started)
    seconds = time.monotonic() - started
    out, err, seen = (_text(folder / name) for name in ("stdout", "stderr", "seen"))
    code = os.waitstatus_to_exitcode(status)
    wrong = [killed] if killed else []
    if code == CRASHED:
        wrong.append(err.strip().splitlines()[-1] if err.strip() else "crashed")
    elif "Traceback (most recent call last)" in err:
        wrong.append("a traceback was printed")
    elif code < 0 and not killed:
        wrong.append(f"ended by signal {-code}")
    elif code not in codes and not killed:
        wrong.append(f"exit code {code}")
    wrong += seen.splitlines()
    if "\x1b" in out + err:
        wrong.append("an escape code reached the terminal")
    if "\nline." in out + err:
        wrong.append("a line break of a file's name reached the terminal")
    return Ended(code, out, err, seconds, peak, tuple(wrong))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def command(*arguments: object) -> int:
    """The exit code of `leukolab ARGUMENTS`, in this process."""
    from leukolab.cli import main

    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _inside(work: Callable[[], int], folder: Path) -> None:
    """Never returns."""
    code = CRASHED
    try:
        os.setsid()
        _redirect(folder)
        seen: list[str] = []
        sys.addaudithook(_hook(seen, folder))
        try:
            code = work()
        except ToldError as told:
            seen.append(str(told))
            code = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            lines = list(dict.fromkeys(line.replace("\n", " ") for line in seen))
            (folder / "seen").write_text("\n".join(lines[:5]), encoding="utf-8", errors="backslashreplace")
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _redirect(folder: Path) -> None:
    for number, (name, flags) in enumerate(
        (
            (Path("/dev/null"), os.O_RDONLY),
            *((folder / name, os.O_CREAT | os.O_WRONLY) for name in ("stdout", "stderr")),
        )
    ):
        descriptor = os.open(name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    for name in ("work", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    os.chdir(folder / "work")


def _hook(seen: list[str], folder: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Notes programs that are run, and whatever is written outside `folder`."""
    top = os.path.realpath(folder)

    def outside(path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        place = os.path.realpath(os.path.dirname(text))  # noqa: PTH120
        return not (place + "/").startswith(top + "/") and not text.startswith(_FREE)

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event in _RUNS:
            seen.append(f"ran a program: {values[:2]!r}"[:300])
        elif event == "open" and values[2] & _CHANGING and outside(values[0]):
            seen.append(f"wrote outside: {values[0]!r}")
        elif event in _WRITES:
            seen.extend(f"wrote outside: {event} {values[at]!r}" for at in _WRITES[event] if outside(values[at]))
        elif event == "pickle.find_class" and values[0] in ("os", "posix", "subprocess"):
            seen.append(f"a pickle asked for {values[0]}.{values[1]}")

    return hook


def _watched(child: int, started: float) -> tuple[int, int, str]:
    """Peak memory in bytes, status, and why it was killed; empty where it was not."""
    page, killed = resource.getpagesize(), ""
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            peak = used.ru_maxrss * 1024
            if peak > MOST_BYTES and not killed:
                killed = f"memory: {peak / 1e9:.1f} GB"
            return peak, status, killed
        try:
            held = int(Path(f"/proc/{child}/statm").read_text().split()[1]) * page
        except (OSError, IndexError):
            held = 0
        if not killed:
            if time.monotonic() - started > MOST_SECONDS:
                killed = f"hung: over {MOST_SECONDS:.0f} s"
            elif held > MOST_BYTES:
                killed = f"memory: {held / 1e9:.1f} GB and more"
            if killed:
                os.killpg(child, signal.SIGKILL)
        time.sleep(LOOK_SECONDS if time.monotonic() - started > 0.5 else 0.002)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(2_000_000).decode("utf-8", "backslashreplace")
    except OSError:
        return ""

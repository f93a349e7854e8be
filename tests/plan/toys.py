"""Work for plans under test; imported by name in the driver and in other processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from leukolab.base.errors import ImageError, LeukolabError
from leukolab.base.files import whole_folder, write_text
from leukolab.base.shelf import trim
from leukolab.plan import Place, Task

WORK = "toys:work"


class LocalError(LeukolabError):
    """An error that pickle cannot bring back: its constructor wants two values."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


def toy(key: str, after: tuple[str, ...] = (), **payload: Any) -> Task:
    """A task that writes `run/out/KEY`: its own key and what those before it wrote."""
    needs = tuple(f"run/out/{name}" for name in after)
    return Task(key, f"toy {key}", "toy", {"key": key, **payload}, after, needs, (f"run/out/{key}",))


def kept(key: str, after: tuple[str, ...] = (), **payload: Any) -> Task:
    """A task that makes the folder `home/kept/KEY` with two files."""
    return Task(key, f"kept {key}", "kept", {"key": key, "kept": True, **payload}, after, (), (f"home/kept/{key}",))


def work(place: Place, payload: dict[str, Any], tell: Any) -> None:
    """Do what the payload says, then write the artefact."""
    key = payload["key"]
    for name, action in ACTIONS.items():
        if name in payload:
            action(place, payload[name])
    tell(f"at {key} in {os.getpid()}")
    if "kept" in payload:
        with whole_folder(place.home / "kept" / key) as folder:
            for name in ("a", "b"):
                (folder / name).write_text(f"{name} of {key}")
        return
    before = [place.find(name if "/" in name else f"run/out/{name}").read_text() for name in payload.get("reads", ())]
    write_text(place.run / "out" / key, key + "".join(f"({text})" for text in before))


def _evict(place: Place, limit_bytes: int) -> None:
    """What another task on this machine does that has written into the home folder."""
    trim(place.home, limit_bytes)


def _sleep(place: Place, seconds: float) -> None:
    time.sleep(seconds)


def _wait_for(place: Place, name: str) -> None:
    """Wait until a file appears in the run folder."""
    end = time.monotonic() + 60
    while not (place.run / name).exists():
        if time.monotonic() > end:
            raise TimeoutError(name)
        time.sleep(0.02)


def _mark(place: Place, name: str) -> None:
    """Leave the process id in a file of the run folder."""
    write_text(place.run / name, str(os.getpid()))


def _meet(place: Place, names: list[str]) -> None:
    """Leave the first name, wait for the second: two tasks pass only where they run at once."""
    _mark(place, names[0])
    _wait_for(place, names[1])


def _die_once(place: Place, name: str) -> None:
    """Kill this process, unless it was done before."""
    if not (place.run / name).exists():
        _mark(place, name)
        os.kill(os.getpid(), signal.SIGKILL)


def _die(place: Place, _: bool) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail(place: Place, how: str) -> None:
    raise {"sentence": ImageError("a sentence"), "odd": LocalError("here", "odd"), "bug": KeyError("a bug")}[how]


def _hang(place: Place, name: str) -> None:
    """Say where this process is, then never end."""
    _mark(place, name)
    threading.Event().wait()


def _print(place: Place, text: str) -> None:
    print(text)  # noqa: T201
    print(f"{text} again", file=sys.stderr)  # noqa: T201


def _where(place: Place, path: str) -> None:
    """Note in a file outside all folders which home folder this task has."""
    write_text(Path(path), str(place.home))


def _wait_outside(place: Place, path: str) -> None:
    """Wait until a file appears, by its whole path."""
    _wait_for(Place(Path(path).parent, place.home), Path(path).name)


ACTIONS = {
    "evict": _evict,
    "sleep": _sleep,
    "meet": _meet,
    "wait_for": _wait_for,
    "mark": _mark,
    "die_once": _die_once,
    "die": _die,
    "fail": _fail,
    "hang": _hang,
    "print": _print,
    "where": _where,
    "wait_outside": _wait_outside,
}


def nothing(place: Place, payload: dict[str, Any], tell: Any) -> None:
    """Make nothing at all."""


def path() -> str:
    """The folder to import this module from."""
    return str(Path(__file__).parent)

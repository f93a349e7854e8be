"""A task on a machine of a cluster: what it needs and the machine cannot see is fetched, then its work is done.

Where the machine sees the driver's run folder and home folder, tasks use these. Otherwise it has a scratch folder of
its own with both in it, and artefacts come from where they lie.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from leukolab.base.errors import ClusterError
from leukolab.base.files import make_folder
from leukolab.base.home import Home
from leukolab.base.pins import pin
from leukolab.base.progress import Relay, shown
from leukolab.base.version import __version__
from leukolab.plan.failure import describe_error
from leukolab.plan.parcel import from_bytes
from leukolab.plan.task import Place, Task
from leukolab.plan.work import do

TellDriver = Callable[[str, str], None]
"""Takes `started` and the scratch folder; or a line: `told` (progress), `warned`, `printed` (what else was written)."""


class GoneError(Exception):
    """The machine that holds an artefact is lost, or holds it no more."""


@dataclass(frozen=True)
class Spot:
    """Where an artefact lies: the id of a machine in the cluster, and the path there."""

    node: str
    path: str


Read = Callable[[Spot], Iterator[bytes]]
"""What `to_bytes` gives of an artefact elsewhere; raises `GoneError`."""


@dataclass(frozen=True)
class Order:
    """A task on its way to a machine.

    `place` is the driver's. A machine that finds a file named `token` in both of its folders shares them. `supplies`
    are artefacts the task may need and where they lie. `level` is that of the news the driver is told, as in `logging`.
    """

    task: Task
    place: Place
    work: str
    token: str
    supplies: tuple[tuple[str, Spot], ...] = ()
    level: int = logging.INFO
    version: str = __version__


@dataclass(frozen=True)
class Report:
    """How a task went: `content` is its seconds, its `Failure`, or the artefacts that were unavailable.

    `scratch` is the folder it worked in on the machine `node`; empty where that shares the driver's folders.
    """

    kind: Literal["finished", "failed", "missing"]
    content: Any
    node: str
    scratch: str


def attempt(order: Order, node: str, tell: TellDriver, read: Read) -> Report:
    """Do a task on this machine; whatever it raises is in the report."""
    scratch = "" if _shares(order) else str(_scratch(order.token, node))
    report = partial(Report, node=node, scratch=scratch)
    tell("started", scratch)
    try:
        _check_version(order.version)
        place = _own_place(Path(scratch), order.place) if scratch else order.place
        with pin(place.home, _pixels(order)):
            if missing := _fetch(order, place, Spot(node, scratch), read):
                return report("missing", missing)
            with _heard(tell, order.level):
                return report("finished", do(order.task, place, order.work, partial(tell, "told")))
    except Exception as error:
        return report("failed", describe_error(error))


def spot_of(artefact: str, report: Report) -> Spot:
    """Where a task left what it made."""
    return Spot(report.node, str(Path(report.scratch, artefact)))


def _shares(order: Order) -> bool:
    return all((folder / order.token).is_file() for folder in (order.place.run, order.place.home.path))


def _scratch(token: str, node: str) -> Path:
    """One folder a machine and plan: several machines of a cluster may be one computer."""
    return Path(tempfile.gettempdir()) / f"leukolab-{token.strip('.')}-{node[:12]}"


def _own_place(scratch: Path, drivers: Place) -> Place:
    """Run folder and home folder in a scratch folder; the limit of the home folder is the driver's."""
    scratch.mkdir(mode=0o700, exist_ok=True)  # there are patients' cells in it
    place = Place(scratch / "run", Home(scratch / "home", drivers.home.limit_bytes), drivers.data)
    make_folder(place.run)
    make_folder(place.home.path)
    return place


def _check_version(version: str) -> None:
    if version != __version__:
        raise ClusterError(
            f"a machine of the cluster has Leukolab {__version__}, the driver {version}. Install the same on all."
        )


def _pixels(order: Order) -> list[str]:
    """Packed pixels that the task needs and cannot make anew: no other task here evicts them before it opens them."""
    return [name.removeprefix("home/") for name, _ in order.supplies if name.startswith("home/pixels/")]


def _fetch(order: Order, place: Place, here: Spot, read: Read) -> tuple[str, ...]:
    """Fetch what is not here yet; the names of what was unavailable."""
    missing = []
    for artefact, spot in order.supplies:
        path = place.find(artefact)
        if path.exists():
            continue
        if spot == Spot(here.node, str(path)):
            missing.append(artefact)
            continue
        try:
            from_bytes(read(spot), path)
        except GoneError:
            missing.append(artefact)
    return tuple(missing)


@contextlib.contextmanager
def _heard(tell: TellDriver, level: int) -> Iterator[None]:
    """TellDriver all news, and each line that the work writes to its standard output or error."""
    lines = _LineStream(partial(tell, "printed"))
    relay = Relay(lambda level, line: tell("warned" if level >= logging.WARNING else "printed", line))
    with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines), shown(relay, level):
        yield


class _LineStream(io.TextIOBase):
    """Passes on what is written, line by line."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            if line.strip():
                self._take(line)
        return len(text)

"""Drives a plan on a cluster: what runs, what its machines can take, where artefacts lie, what is done again.

Knows no kind of cluster: it asks an object that does, see `Cluster`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from leukolab.base.errors import ClusterError, RunError
from leukolab.base.files import make_folder, write_text
from leukolab.base.progress import NEWS
from leukolab.plan.failure import rebuild_error
from leukolab.plan.journal import Journal
from leukolab.plan.node import GoneError, Order, Report, Spot, spot_of
from leukolab.plan.order import Frontier
from leukolab.plan.parcel import from_bytes
from leukolab.plan.task import Place, Task

APART = "LEUKOLAB_APART"
"""Where this variable is set, machines of a cluster behave as if they shared no file system with the driver."""

LIVES = 4
"""How often a task may lose its machine or process, or what it needs, before the plan stops."""

MOST_AHEAD = 1000
"""Tasks handed to the cluster at once; it lets them wait for room."""

POLL_SECONDS = 0.25
ROOM_SECONDS = 5.0
"""How often to check that the remaining machines can take what waits."""


@dataclass(frozen=True)
class Room:
    """What a machine has, or a task asks for."""

    cpus: float
    gpus: float = 0.0

    def fits(self, machine: Room) -> bool:
        """Whether a machine could ever take this."""
        return self.cpus <= machine.cpus and self.gpus <= machine.gpus


@dataclass(frozen=True)
class Line:
    """What a task says, and where: `kind` is one of those of `node.TellDriver`."""

    kind: str
    key: str
    text: str
    node: str
    pid: int


class Cluster(Protocol):
    """Machines that take tasks. A handle stands for one that was handed over."""

    name: str
    here: str
    """Id of the machine the driver runs on."""

    def rooms(self) -> list[Room]:
        """What each machine that is up has."""

    def submit(self, order: Order, room: Room) -> Any:
        """Hand a task over; the handle can be hashed."""

    def wait(self, handles: Collection[Any], seconds: float) -> list[tuple[Any, Report | str]]:
        """Handles that ended within `seconds`, each with its report, or with what became of its process."""

    def lines(self) -> list[Line]:
        """What tasks said since the last call; all that a task said, once it has ended."""

    def read(self, spot: Spot) -> Iterator[bytes]:
        """What `to_bytes` gives of an artefact on a machine; raises GoneError."""

    def cancel(self, handle: Any) -> None:
        """Kill a task, started or not."""

    def discard(self, scratches: Collection[tuple[str, str]]) -> None:
        """Delete scratch folders, each given by machine and path, where these machines are still up."""


def run_on(cluster: Cluster, left: Sequence[Task], place: Place, work: str, journal: Journal) -> None:
    """Run the tasks on a cluster; those that run are stopped when one fails or the driver is told to stop.

    Raises:
        ClusterError: no machine can take a task, or has another version of Leukolab.
        RunError: a task lost its machine or its process too often.
        Exception: what a task raised.
    """
    rooms = cluster.rooms()
    journal.opened(cluster.name, min(_at_once(request(left[0], rooms), rooms), len(left)))
    with _token(place) as token:
        drive = _Drive(cluster, left, place, work, token, journal)
        try:
            drive.run()
        finally:
            drive.end()


def request(task: Task, rooms: Sequence[Room]) -> Room:
    """What to set aside for a task: what it asks for, at most what the largest machine has.

    Raises:
        ClusterError: no machine could ever take it.
    """
    gpus = min(task.gpus, max((room.gpus for room in rooms), default=0.0))
    if task.gpus and not gpus:
        raise ClusterError(
            f"{task.name}: needs a graphics card, and none of the cluster's {len(rooms)} machines has one. "
            "Add one, or begin a new run with runtime.device=cpu.",
            settings=("runtime.device",),
        )
    cpus = max((room.cpus for room in rooms if room.gpus >= gpus), default=0.0)
    if not cpus:
        raise ClusterError(
            f"{task.name}: none of the cluster's {len(rooms)} machines offers a processor for it. "
            "Add one that does; finished tasks are kept."
        )
    return Room(min(float(task.cpus), cpus), gpus)


def _at_once(room: Room, machines: Sequence[Room]) -> int:
    """How many tasks that ask for this the machines take together."""
    taken = [[has.cpus // room.cpus, *([has.gpus // room.gpus] if room.gpus else [])] for has in machines]
    return int(sum(min(counts) for counts in taken))


@contextlib.contextmanager
def _token(place: Place) -> Iterator[str]:
    """Name of a file in both folders, by which another machine knows that it sees them; deleted at the end."""
    name = f".{uuid.uuid4().hex}"
    folders = [] if os.environ.get(APART) else [make_folder(place.run), make_folder(place.home.path)]
    try:
        for folder in folders:
            write_text(folder / name, "")
        yield name
    finally:
        for folder in folders:
            (folder / name).unlink(missing_ok=True)


class _Drive:
    """A plan that runs: tasks under way by handle, artefacts that lie elsewhere, losses counted."""

    def __init__(
        self, cluster: Cluster, left: Sequence[Task], place: Place, work: str, token: str, journal: Journal
    ) -> None:
        self._cluster, self._place, self._journal = cluster, place, journal
        self._order = (place, work, token)
        self._tasks = {task.key: task for task in left}
        self._frontier = Frontier(left)
        self._running: dict[Any, tuple[Task, Room]] = {}
        self._elsewhere: dict[str, Spot] = {}
        self._maker = {artefact: task for task in left for artefact in task.makes}
        self._waited_for = {key for task in left for key in task.after}
        self._scratches: set[tuple[str, str]] = set()
        self._lost = Counter[str]()

    def run(self) -> None:
        """Run to the end."""
        looked = time.monotonic()
        while self._frontier.waiting or self._running:
            self._hand_over()
            ended = self._cluster.wait(self._running, POLL_SECONDS)
            self._hear()
            for handle, report in ended:
                self._settle(self._running.pop(handle)[0], report)
            if time.monotonic() - looked > ROOM_SECONDS:
                looked = time.monotonic()
                self._find_room()

    def end(self) -> None:
        """Stop what runs, and delete what lies on other machines."""
        for handle in self._running:
            self._cluster.cancel(handle)
        self._cluster.discard(self._scratches)

    def _hand_over(self) -> None:
        rooms: list[Room] = []
        while len(self._running) < MOST_AHEAD and (task := self._frontier.take()) is not None:
            rooms = rooms or self._cluster.rooms()
            room = request(task, rooms)
            order = Order(task, *self._order, self._supplies(task), NEWS.getEffectiveLevel())
            self._running[self._cluster.submit(order, room)] = task, room

    def _supplies(self, task: Task) -> tuple[tuple[str, Spot], ...]:
        """Where each artefact that a task needs lies; a folder that is only partly elsewhere, by its files."""
        found: dict[str, Spot] = {}
        for need in task.needs:
            elsewhere = {name: spot for name, spot in self._elsewhere.items() if f"{name}/".startswith(f"{need}/")}
            path = self._place.find(need)
            names = [need]
            if elsewhere and path.is_dir():
                files = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
                names = [f"{need}/{file.relative_to(path).as_posix()}" for file in files]
            here = {name: Spot(self._cluster.here, str(self._place.find(name).absolute())) for name in names}
            found |= (here if path.exists() else {}) | elsewhere
        return tuple(found.items())

    def _hear(self) -> None:
        for line in self._cluster.lines():
            task = self._tasks[line.key]
            if line.kind == "started":
                self._journal.started(task, line.pid)
                self._scratches |= {(line.node, line.text)} if line.text else set()
            elif line.kind == "told":
                self._journal.progress(task, line.text, line.pid)
            else:
                self._journal.say(task, line.text, logging.WARNING if line.kind == "warned" else logging.INFO)

    def _settle(self, task: Task, report: Report | str) -> None:
        """Take what became of a task."""
        if isinstance(report, str):
            self._again(task, report)
            return
        if report.kind == "failed":
            self._journal.failed(task, report.content.name)
            raise rebuild_error(report.content)
        if report.kind == "missing":
            self._make_again(task, report.content)
            return
        try:
            self._keep(task, report)
        except GoneError:
            self._again(task, "the machine was lost with what it had made")
            return
        self._frontier.finish(task.key)
        self._journal.finished(task, report.content)

    def _keep(self, task: Task, report: Report) -> None:
        """Fetch what a task made; what belongs in the home folder and other tasks wait for stays where it is."""
        for artefact in task.makes:
            self._elsewhere.pop(artefact, None)
            if not report.scratch:
                continue
            spot, path = spot_of(artefact, report), self._place.find(artefact)
            if artefact.startswith("home/") and task.key in self._waited_for:
                self._elsewhere[artefact] = spot
            elif not path.exists():
                from_bytes(self._cluster.read(spot), path)

    def _make_again(self, task: Task, missing: Sequence[str]) -> None:
        """Let what was lost with a machine be made once more, then the task that needs it."""
        makers = {self._maker[name].key: self._maker[name] for name in missing if name in self._maker}
        if not makers:
            raise ClusterError(
                f"{task.name}: {missing[0]} could not be read from the driver's machine. "
                "Check that the home folder and the run folder are still there, then run the same command again.",
                settings=("home folder", "run folder"),
            )
        busy = {one.key for one, _ in self._running.values()} | {one.key for one in self._frontier.waiting}
        for name in missing:
            self._elsewhere.pop(name, None)
        for maker in makers.values():
            if maker.key not in busy:
                self._frontier.put_back(maker)
        self._again(task, "what it needs was lost with its machine", makers)

    def _again(self, task: Task, why: str, after: Collection[str] = ()) -> None:
        """Let a task start once more.

        Raises:
            RunError: it was lost too often.
        """
        self._lost[task.key] += 1
        self._journal.failed(task, why)
        if self._lost[task.key] == LIVES:
            raise RunError(
                f"{task.name}: lost {LIVES} times before it was done, at last: {why}. If memory ran out on a machine, "
                "let it take fewer tasks at once: more processors per task, with runtime.threads=N in a new run. "
                "Finished tasks are kept.",
                settings=("runtime.threads",),
            )
        self._journal.again(task, why)
        self._frontier.put_back(task, after)

    def _find_room(self) -> None:
        """Ask for less where the only machines that could take a task are gone."""
        rooms = self._cluster.rooms()
        for handle, (task, room) in list(self._running.items()):
            if not any(room.fits(machine) for machine in rooms):
                self._cluster.cancel(handle)
                del self._running[handle]
                self._frontier.put_back(task)

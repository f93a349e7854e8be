"""A Ray cluster, started here or joined: the only file that imports Ray.

Ray places tasks, carries bytes and lines, and tells of losses; what is done again the driver decides, so Ray's own
retries are off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray._private.worker
import ray._raylet
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from leukolab.base.cores import cores
from leukolab.base.errors import ClusterError
from leukolab.plan.cluster import Line, Room, run_on
from leukolab.plan.journal import Journal
from leukolab.plan.node import GoneError, Order, Report, Spot, attempt
from leukolab.plan.parcel import to_bytes
from leukolab.plan.task import Place, Task

DEFAULT_PORT = 6379
"""Where `ray start --head` listens."""

STORE_BYTES = 256 << 20
"""Object store of a cluster started here; all its tasks see the same disk."""

ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""For Ray: nothing is reported to its makers; and as it will treat tasks without a card, with no note about that."""

PIECES_AHEAD = 2
"""Pieces of an artefact that wait on their way."""

CONNECT_SECONDS = 10.0
DISCARD_SECONDS = 60.0
"""Longer than Ray takes to notice that a machine is lost."""


def run_on_ray(left: Sequence[Task], place: Place, work: str, address: str, journal: Journal) -> None:
    """Run the tasks on the Ray cluster at `address`, `HOST[:PORT]` or `auto`; on one started here where it is empty.

    Raises:
        ClusterError: the cluster cannot be started or joined.
        Exception: see `run_on`.
    """
    with _connected(address):
        run_on(RayCluster(f"ray://{address}" if address else "ray"), left, place, work, journal)


class RayCluster:
    """The cluster this process is connected to, as a `plan.cluster.Cluster`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.here = _node()
        self._perform = ray.remote(max_retries=0)(_perform)
        self._lines = _on(self.here, ray.remote(_Lines), max_restarts=-1, max_task_retries=-1).remote()

    def rooms(self) -> list[Room]:
        """What each machine that is up has."""
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        found = (node["Resources"] for node in nodes if node["Alive"])
        return [Room(has.get("CPU", 0.0), has.get("GPU", 0.0)) for has in found]

    def submit(self, order: Order, room: Room) -> Any:
        """Hand a task over."""
        task = self._perform.options(num_cpus=room.cpus, num_gpus=room.gpus, name=order.task.kind)
        return task.remote(order, self._lines)

    def wait(self, handles: Collection[Any], seconds: float) -> list[tuple[Any, Report | str]]:
        """Handles that ended, with their reports or what became of their processes."""
        under_way = list(handles)
        if not ray.wait(under_way, timeout=seconds, fetch_local=False)[0]:
            return []
        ended, _ = ray.wait(under_way, num_returns=len(under_way), timeout=0, fetch_local=False)
        return [(handle, _report(handle)) for handle in ended]

    def lines(self) -> list[Line]:
        """What tasks said since the last call."""
        lines: list[Line] = ray.get(self._lines.take.remote())
        return lines

    def read(self, spot: Spot) -> Iterator[bytes]:
        """The pieces of an artefact on another machine."""
        return _read(spot)

    def cancel(self, handle: Any) -> None:
        """Kill a task."""
        ray.cancel(handle, force=True)

    def discard(self, scratches: Collection[tuple[str, str]]) -> None:
        """Delete these scratch folders, where their machines are still up."""
        remote = ray.remote(_discard)
        under_way = [_on(node, remote).remote(scratch) for node, scratch in scratches]
        if under_way:
            ray.wait(under_way, num_returns=len(under_way), timeout=DISCARD_SECONDS)


class _Lines:
    """An actor beside the driver that keeps what tasks say until the driver takes it."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def put(self, line: Line) -> None:
        self._lines.append(line)

    def take(self) -> list[Line]:
        lines, self._lines = self._lines, []
        return lines


def _perform(order: Order, lines: Any) -> Report:
    """A task, in a process on some machine of the cluster; returns once all it said has arrived."""
    node = _node()
    last: list[Any] = []

    def tell(kind: str, text: str) -> None:
        last[:] = [lines.put.remote(Line(kind, order.task.key, text, node, os.getpid()))]
        if kind == "started":  # it must arrive, however soon this process is lost
            _aside(ray.get, last)

    report = attempt(order, node, tell, _read)
    _aside(ray.get, last)
    return report


def _aside(function: Any, *arguments: Any) -> Any:
    """Call in another thread: a task that waits in its main thread loses its processors and gets none back."""
    with ThreadPoolExecutor(1) as helper:
        return helper.submit(function, *arguments).result()


def _read(spot: Spot) -> Iterator[bytes]:
    """The pieces of an artefact, read by a process on the machine where it lies.

    Raises:
        GoneError: the machine is lost, or the artefact is not there.
    """
    sender = _on(
        spot.node, ray.remote(_send), num_returns="streaming", max_retries=0,
        _generator_backpressure_num_objects=PIECES_AHEAD,
    )  # fmt: skip
    pieces = sender.remote(spot.path)
    try:
        while (piece := _aside(_next, pieces)) is not None:
            yield piece
    except RayError as error:
        raise GoneError(spot.path) from error


def _next(pieces: Any) -> bytes | None:
    found = next(pieces, None)
    return None if found is None else ray.get(found)


def _send(path: str) -> Iterator[bytes]:
    yield from to_bytes(Path(path))


def _discard(scratch: str) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def _on(node: str, remote: Any, **options: Any) -> Any:
    """A remote function or actor that takes no processor and runs on this machine or nowhere."""
    return remote.options(num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False), **options)


def _node() -> str:
    found: str = ray.get_runtime_context().get_node_id()
    return found


def _report(handle: Any) -> Report | str:
    """The report of a task that ended, or what became of its process.

    Raises:
        ClusterError: a machine cannot run tasks of this driver at all.
    """
    try:
        report: Report = ray.get(handle)
        return report
    except RayTaskError as error:
        raise ClusterError(
            f"a machine of the cluster cannot run tasks of this driver ({_sentence(error.cause)}). "
            "Install the same Python, Ray and Leukolab on all."
        ) from error
    except RayError as error:
        return f"its process or machine was lost ({type(error).__name__})"


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    """Start a cluster on this machine, or join the one at `address`; stop or leave it at the end."""
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with _undisturbed(), contextlib.ExitStack() as stack:
        if address:
            settings["address"] = _reachable(address)
        else:
            folder = stack.enter_context(_session_folder())
            settings |= {
                "address": "local", "num_cpus": cores(), "include_dashboard": False, "_temp_dir": folder,
                "_node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES,
            }  # fmt: skip
        stack.callback(partial(ray.shutdown, wait_for_processes=True))
        try:
            ray.init(**settings)
        except Exception as error:
            raise _no_cluster(address, error) from error
        yield


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without reports to Ray's makers, and without what Ray prints of lost machines, which the driver tells itself.

    Ray's variables in the environment, of which it sets some itself, and the handler of SIGTERM are put back after.
    """
    worker: Any = ray._private.worker
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    environment = _rays()
    os.environ.update(ENVIRONMENT)
    worker._worker_logs_enabled = False  # `log_to_driver` leaves these out, and no public setting has them
    try:
        yield
    finally:
        worker._worker_logs_enabled = True
        for name in _rays():
            del os.environ[name]
        os.environ.update(environment)
        if main and before is not None:  # None: a handler that Python did not set and cannot put back
            signal.signal(signal.SIGTERM, before)


def _rays() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")}


def _reachable(address: str) -> str:
    """The address with its port, after a head was seen to answer there: `ray.init` would wait for ever.

    Raises:
        ClusterError: nothing does.
    """
    if address == "auto":
        return address
    host, _, port = address.rpartition(":") if ":" in address else (address, "", str(DEFAULT_PORT))
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS):
            pass
        probe: Any = ray._raylet
        probe.GcsClient(address=f"{host}:{port}")  # as `ray health-check` asks; no public call does
    except (OSError, ValueError, RayError) as error:
        raise _no_cluster(address, error) from error
    return f"{host}:{port}"


def _no_cluster(address: str, error: Exception) -> ClusterError:
    if not address:
        return ClusterError(
            f"on: no Ray cluster could be started here ({_sentence(error)}). Use on=local:N.", settings=("on",)
        )
    return ClusterError(
        f"on: no Ray cluster could be joined at {address} ({_sentence(error)}). Expected HOST:PORT of its head "
        f"(port {DEFAULT_PORT}, not that of Ray Client), or auto, from a machine that is part of it: "
        "'ray start --address HOST:PORT' makes it so.",
        settings=("on",),
    )


def _sentence(error: BaseException) -> str:
    """Name and first words of an error."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}".rstrip(":. ")


def _session_folder() -> tempfile.TemporaryDirectory[str]:
    """Where a cluster of ours keeps sockets and logs while it is up: in a short path, as sockets need it."""
    parent = "/tmp" if Path("/tmp").is_dir() else None
    return tempfile.TemporaryDirectory(prefix="leukolab-", dir=parent, ignore_cleanup_errors=True)

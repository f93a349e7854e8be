"""What happened in a run folder, one line per event; and from it, what runs now and how long it will take.

Times lie here only, never in results.
"""

from __future__ import annotations

import datetime
import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from leukolab.base.errors import RunError
from leukolab.base.files import storage
from leukolab.base.regular import open_regular
from leukolab.plan.lock import held_since
from leukolab.plan.order import wanted
from leukolab.plan.task import Place, Task

LEDGER_FILE = "ledger.jsonl"

State = Literal["done", "running", "failed", "left"]


@dataclass(frozen=True)
class Event:
    """One line of the ledger.

    `time` is UTC in ISO form; `event` is planned (the plan was written), opened (it begins or goes on; `note` says
    where, `workers` how many at once), started, progress, finished or failed (a task), or reported (the report of what
    the plan made is there); `seconds` is how long a finished task took; `pid` is who did it.
    """

    event: str
    key: str = ""
    name: str = ""
    kind: str = ""
    seconds: float | None = None
    note: str = ""
    pid: int = 0
    workers: int | None = None
    time: str = ""


@dataclass(frozen=True)
class Row:
    """A task as `status` sees it; `seconds` it took or has been running, `note` what it said last."""

    key: str
    name: str
    kind: str
    state: State
    seconds: float | None
    note: str


@dataclass(frozen=True)
class Status:
    """How far a plan is: counts that add up to the number of tasks, and the seconds left.

    `seconds_left` is None where nothing is known yet; it leaves out the kinds in `unmeasured`.
    """

    done: int
    running: int
    left: int
    failed: int
    seconds_left: float | None
    unmeasured: tuple[str, ...]
    rows: tuple[Row, ...]


def write_event(run: Path, event: Event) -> None:
    """Append one event, stamped with the time and this process unless it brings them, in a single write.

    Raises:
        StorageError: the disk is full or may not be written.
        RunError: a pipe or a device stands in the place of the ledger.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    values = {**asdict(event), "time": event.time or now, "pid": event.pid or os.getpid()}
    line = json.dumps({name: value for name, value in values.items() if value not in (None, "")}, ensure_ascii=False)
    with storage(run):
        descriptor = os.open(run / LEDGER_FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RunError(f"{run / LEDGER_FILE}: expected events of a run, found a pipe or a device. Remove it.")
            os.write(descriptor, (_mend(descriptor) + line + "\n").encode())
        finally:
            os.close(descriptor)


def read_events(run: Path) -> list[Event]:
    """All events in order; a line that a power failure tore is left out. Empty where there is no ledger."""
    path = run / LEDGER_FILE
    if not path.exists():
        return []
    try:
        with open_regular(path) as stream:
            lines = stream.read().decode("utf-8", errors="replace").split("\n")
    except OSError as error:
        raise RunError(f"{path}: expected events of a run, found what cannot be read ({error.strerror}).") from error
    return [event for line in lines if (event := _parse(line)) is not None]


def status(tasks: Sequence[Task], place: Place) -> Status:
    """What is done, running and left, and for how long.

    A task runs that started since the plan was last opened and has not ended, while the process that opened it holds
    the run folder. The time left is that of `seconds_left`.

    Raises:
        ValueError: the plan has no order.
    """
    events = read_events(place.run)
    missing = {task.key for task in wanted(tasks, place)}
    since = held_since(place.run)
    last = _last(events)
    said = {event.key: event.note for event in events if event.key}
    rows = []
    for task in tasks:
        event = last.get(task.key)
        state: State = "done" if task.key not in missing else _state(event, since)
        rows.append(Row(task.key, task.name, task.kind, state, _seconds(event, state), said.get(task.key, "")))
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "running", "failed", "left")}
    elapsed = {row.key: row.seconds or 0.0 for row in rows if row.state == "running"}
    left = [task for task in tasks if task.key in missing]
    seconds = seconds_left(left, tasks, events, elapsed)
    return Status(**counts, seconds_left=seconds, unmeasured=unmeasured(left, tasks, events), rows=tuple(rows))


def seconds_left(
    left: Sequence[Task], tasks: Iterable[Task], events: Sequence[Event], elapsed: Mapping[str, float]
) -> float | None:
    """Seconds that the tasks in `left` will take together, from what the finished of `tasks` took.

    Each is expected to take its cost times the seconds a unit of cost took in its kind, less the seconds it has been
    running (`elapsed`, by key). The sum is shared out over the workers; no task can be shared out itself. Tasks of the
    kinds in `unmeasured` are left out; None where nothing else is left.
    """
    rates = _rates(tasks, events)
    known = [task for task in left if task.kind in rates]
    if left and not known:
        return None
    workers = next((event.workers for event in reversed(events) if event.workers), 1)
    expected = [max(0.0, task.cost * rates[task.kind] - elapsed.get(task.key, 0.0)) for task in known]
    return max(sum(expected) / workers, max(expected, default=0.0))


def unmeasured(left: Sequence[Task], tasks: Iterable[Task], events: Sequence[Event]) -> tuple[str, ...]:
    """The kinds in `left` of which none has finished yet, so that nobody knows how long they take."""
    return tuple(sorted({task.kind for task in left} - _rates(tasks, events).keys()))


def seconds_of_attempts(run: Path, after: str) -> float:
    """Seconds that earlier attempts at the run took which began after a time, however they ended.

    An attempt goes from the writing of its plan to its last event; the latest, which may be going on, is left out.

    Args:
        run: the run folder.
        after: in ISO form, UTC; `` for all attempts.
    """
    total = 0.0
    first = last = None
    for event in read_events(run):
        if event.event == "planned":
            total += (last - first).total_seconds() if first and last else 0.0
            first = last = datetime.datetime.fromisoformat(event.time) if event.time > after else None
        elif first and event.event != "reported":  # a report may be made again much later
            last = datetime.datetime.fromisoformat(event.time)
    return total


def _rates(tasks: Iterable[Task], events: Sequence[Event]) -> dict[str, float]:
    """Kind to the seconds a unit of cost took, from those of `tasks` that finished."""
    known = {task.key: task for task in tasks}
    finished = {event.key: event.seconds or 0.0 for event in events if event.event == "finished" and event.key in known}
    sums: dict[str, tuple[float, float]] = {}
    for key, seconds in finished.items():
        cost, total = sums.get(known[key].kind, (0.0, 0.0))
        sums[known[key].kind] = (cost + known[key].cost, total + seconds)
    return {kind: total / cost if cost else 0.0 for kind, (cost, total) in sums.items()}


def _mend(descriptor: int) -> str:
    """A line break where the last line was torn."""
    if os.lseek(descriptor, 0, os.SEEK_END) == 0:
        return ""
    os.lseek(descriptor, -1, os.SEEK_END)
    return "" if os.read(descriptor, 1) == b"\n" else "\n"


def _parse(line: str) -> Event | None:
    try:
        values: dict[str, Any] = json.loads(line)
        return Event(**{name: value for name, value in values.items() if name in Event.__dataclass_fields__})
    except (ValueError, TypeError, AttributeError):
        return None


def _last(events: Sequence[Event]) -> dict[str, Event]:
    """Key to its last event but progress; what started or failed before the plan was last opened counts no more."""
    opened = max((position for position, event in enumerate(events) if event.event == "opened"), default=0)
    return {
        event.key: event
        for position, event in enumerate(events)
        if event.event == "finished" or (event.event in ("started", "failed") and position >= opened)
    }


def _state(event: Event | None, since: datetime.datetime | None) -> State:
    if event is None or event.event == "finished":
        return "left"
    if event.event == "failed":
        return "failed"
    return "running" if since is not None and datetime.datetime.fromisoformat(event.time) >= since else "left"


def _seconds(event: Event | None, state: State) -> float | None:
    """What a task took, or how long it has been running."""
    if event is None or state == "left":
        return None
    if state != "running":
        return event.seconds
    began = datetime.datetime.fromisoformat(event.time)
    return max(0.0, (datetime.datetime.now(datetime.UTC) - began).total_seconds())

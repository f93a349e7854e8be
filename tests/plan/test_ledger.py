from __future__ import annotations

import datetime
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from leukolab.base.errors import RunError
from leukolab.base.files import make_folder, write_text
from leukolab.plan import Event, Place, Task, hold, read_events, status
from leukolab.plan.ledger import LEDGER_FILE, seconds_left, seconds_of_attempts, unmeasured, write_event


def task(key: str, kind: str = "train", cost: float = 1.0) -> Task:
    return Task(key, f"name {key}", kind, {}, makes=(f"run/{key}",), cost=cost)


def test_an_event_is_one_line_with_time_and_process(tmp_path: Path) -> None:
    write_event(tmp_path, Event("started", "k", "fold 1", "train"))
    write_event(tmp_path, Event("finished", "k", "fold 1", "train", 1.5, pid=7))
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    values = [json.loads(line) for line in lines]
    assert [value["pid"] for value in values] == [os.getpid(), 7]
    assert datetime.datetime.fromisoformat(values[0].pop("time")).utcoffset() == datetime.timedelta()
    assert values[0] == {"event": "started", "key": "k", "name": "fold 1", "kind": "train", "pid": os.getpid()}
    assert [event.seconds for event in read_events(tmp_path)] == [None, 1.5]


def test_a_torn_last_line_is_ignored_and_the_next_event_begins_a_line(tmp_path: Path) -> None:
    write_event(tmp_path, Event("started", "a", note="ä"))
    path = tmp_path / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: whole.index("ä".encode()) + 1])
    assert [event.key for event in read_events(tmp_path)] == ["a"]
    write_event(tmp_path, Event("started", "b"))
    assert [event.key for event in read_events(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize("line", ["17", "null", '{"key": "a"}', "\x00\x00"])
def test_a_line_that_is_no_event_is_ignored(tmp_path: Path, line: str) -> None:
    (tmp_path / "ledger.jsonl").write_text(line + "\n")
    assert read_events(tmp_path) == []


def test_seconds_of_attempts_however_they_ended(tmp_path: Path) -> None:
    """Two attempts of 60 and 90 s, the first with a report made anew a day later; the third goes on."""
    for event, time in (
        ("planned", "2026-01-01T10:00:00"),
        ("finished", "2026-01-01T10:01:00"),
        ("reported", "2026-01-02T10:00:00"),
        ("planned", "2026-01-03T10:00:00"),
        ("started", "2026-01-03T10:01:30"),
        ("planned", "2026-01-04T10:00:00"),
        ("finished", "2026-01-04T11:00:00"),
    ):
        write_event(tmp_path, Event(event, time=f"{time}.000+00:00"))
    assert seconds_of_attempts(tmp_path, "") == 150
    assert seconds_of_attempts(tmp_path, "2026-01-01T10:01:05.000+00:00") == 90
    assert seconds_of_attempts(tmp_path / "none", "") == 0


def test_status_of_a_plan_that_never_began(place: Place) -> None:
    found = status([task("a"), task("b")], place)
    assert (found.done, found.running, found.failed, found.left, found.seconds_left) == (0, 0, 0, 2, None)
    assert not place.run.exists()


def test_status_tells_done_running_failed_and_left(place: Place) -> None:
    make_folder(place.run)
    plan = [task(key) for key in "abcde"]
    write_event(place.run, Event("opened", workers=2))
    write_event(place.run, Event("started", "e"))
    with hold(place.run):
        write_event(place.run, Event("opened", workers=2))
        for key in "abc":
            write_event(place.run, Event("started", key))
        write_text(place.run / "a", "x")
        write_event(place.run, Event("finished", "a", kind="train", seconds=600.0))
        write_event(place.run, Event("failed", "b", note="ImageError"))
        write_event(place.run, Event("progress", "c", note="epoch 3"))
        found = status(plan, place)
    assert [row.state for row in found.rows] == ["done", "failed", "running", "left", "left"]
    assert (found.done, found.running, found.failed, found.left) == (1, 1, 1, 2)
    assert [row.note for row in found.rows] == ["", "ImageError", "epoch 3", "", ""]
    assert found.rows[0].seconds == 600.0
    assert found.seconds_left == pytest.approx(4 * 600 / 2, abs=10)
    assert [row.state for row in status(plan, place).rows] == ["done", "failed", "left", "left", "left"]


def test_the_time_left_is_counted_by_kind_cost_workers_and_time_run() -> None:
    plan = [task("a", cost=2.0), task("b", "features", 1.0), task("c", cost=3.0), task("d", "other", 1.0)]
    events = [
        Event("opened", workers=1),
        Event("finished", "a", seconds=20.0),
        Event("finished", "b", seconds=100.0),
        Event("finished", "gone", seconds=1e6),
    ]
    assert seconds_left(plan[2:], plan, events, {}) == pytest.approx(30.0)
    assert seconds_left(plan[1:], plan, events, {}) == pytest.approx(130.0)
    assert seconds_left(plan[2:], plan, events, {"c": 12.0}) == pytest.approx(30.0 - 12.0)
    two = [*events, Event("opened", workers=2)]
    assert seconds_left(plan[2:], plan, two, {}) == pytest.approx(30.0)
    assert seconds_left([plan[0], *plan[2:]], plan, two, {}) == pytest.approx(30.0)
    assert seconds_left([replace(plan[2], key="e"), plan[0], *plan[2:]], plan, two, {}) == pytest.approx(40.0)
    assert seconds_left([], plan, events, {}) == 0.0
    assert unmeasured(plan[2:], plan, events) == ("other",)
    assert seconds_left(plan[3:], plan, events, {}) is None
    assert seconds_left(plan, plan, events[:1], {}) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_place_of_a_ledger_is_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LEDGER_FILE)
    with pytest.raises(RunError, match="expected events of a run, found what cannot be read"):
        read_events(tmp_path)
    with pytest.raises(RunError, match=r"ledger\.jsonl: expected events of a run, found a pipe"):
        write_event(tmp_path, Event("planned"))

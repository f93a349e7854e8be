"""Worker processes: at once, lost, and killed with the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import toys
from toys import WORK, toy

from leukolab.base.errors import ImageError, RunError
from leukolab.plan import Place, Task, hold, read_events, run_plan, status, write_plan

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

DRIVE = """
import sys, pathlib
sys.path.insert(0, sys.argv[3])
from leukolab.base.home import Home
from leukolab.plan import Place, read_plan, run_plan
if __name__ == "__main__":
    run = pathlib.Path(sys.argv[1])
    run_plan(read_plan(run), Place(run, Home(run / "home")), "toys:work", sys.argv[2])
"""


def drive(place: Place, on: str) -> subprocess.Popen[bytes]:
    """Another process that runs the plan in the run folder."""
    return subprocess.Popen([sys.executable, "-c", DRIVE, str(place.run), on, toys.path()], stderr=subprocess.PIPE)


def hear_control_c() -> None:
    """Also where the tests run in the background of a shell, which makes all below deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only not yet fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return Path("/proc").is_dir() is False and os.waitpid(pid, os.WNOHANG) == (0, 0)


def test_tasks_run_at_once_in_other_processes(place: Place, said: list[str]) -> None:
    plan = [toy("a", meet=["a.pid", "b.pid"]), toy("b", meet=["b.pid", "a.pid"])]
    run_plan(plan, place, WORK, "local:2")
    pids = {(place.run / name).read_text() for name in ("a.pid", "b.pid")}
    assert len(pids | {str(os.getpid())}) == 3
    assert {str(event.pid) for event in read_events(place.run) if event.event == "finished"} == pids


def test_workers_are_kept_for_the_next_task_and_end_with_the_plan(place: Place, said: list[str]) -> None:
    run_plan([toy(str(n), mark=f"{n}.pid") for n in range(6)], place, WORK, "local:2")
    pids = {int((place.run / f"{n}.pid").read_text()) for n in range(6)}
    assert len(pids) <= 2
    until(lambda: not any(alive(pid) for pid in pids))


def test_a_failure_stops_the_tasks_that_run(place: Place, said: list[str]) -> None:
    plan = [toy("a", hang="a.pid"), toy("b", wait_for="a.pid", fail="sentence")]
    with pytest.raises(ImageError, match="a sentence"):
        run_plan(plan, place, WORK, "local:2")
    assert not alive(int((place.run / "a.pid").read_text()))
    assert [row.state for row in status(plan, place).rows] == ["left", "failed"]


def test_a_task_that_loses_its_process_starts_once_more(place: Place, said: list[str]) -> None:
    run_plan([toy("a", die_once="a.pid"), toy("b")], place, WORK, "local:2")
    assert (place.run / "out" / "a").exists()
    assert "toy a: its process ended (exit code -9); started once more" in said


def test_a_task_that_always_loses_its_process_ends_the_plan(place: Place, said: list[str]) -> None:
    with pytest.raises(RunError, match=r"toy a: its process ended 2 times .*exit code -9.*smaller N"):
        run_plan([toy("a", die=True), toy("b")], place, WORK, "local:2")


@pytest.mark.parametrize("on", ["local", "local:2"])
def test_a_driver_killed_takes_its_workers_along_and_the_same_plan_goes_on(
    place: Place, said: list[str], on: str
) -> None:
    plan = [toy("a"), toy("b", ("a",), hang="b.pid"), toy("c", ("b",), reads=["a", "b"])]
    write_plan(place.run, plan)
    driver = drive(place, on)
    try:
        until((place.run / "b.pid").exists)
        found = status(plan, place)
        assert [row.state for row in found.rows] == ["done", "running", "left"]
        with pytest.raises(RunError, match=rf"pid {driver.pid} on "), hold(place.run):
            pass
        with pytest.raises(RunError, match="works in this run folder"):
            run_plan(plan, place, WORK, on)
    finally:
        driver.kill()
        driver.communicate()
    worker = int((place.run / "b.pid").read_text())
    assert (worker == driver.pid) == (on == "local")
    until(lambda: not alive(worker))
    assert status(plan, place).running == 0
    mended = [plan[0], toy("b", ("a",)), plan[2]]
    run_plan(mended, place, WORK, on)
    assert (place.run / "out" / "c").read_text() == "c(a)(b)"
    assert [event.key for event in read_events(place.run) if event.event == "started"] == ["a", "b", "b", "c"]


@pytest.mark.parametrize("on", ["local", "local:2"])
def test_control_c_stops_all_and_says_nothing_of_workers(place: Place, on: str) -> None:
    plan: list[Task] = [toy("a", hang="a.pid"), toy("b")]
    write_plan(place.run, plan)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(place.run), on, toys.path()], stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=hear_control_c,
    )  # fmt: skip
    until((place.run / "a.pid").exists)
    os.killpg(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=30)
    assert driver.returncode == -signal.SIGINT
    assert errors.decode().count("Traceback") == 1
    until(lambda: not alive(int((place.run / "a.pid").read_text())))
    assert status(plan, place).rows[0].state == "left"

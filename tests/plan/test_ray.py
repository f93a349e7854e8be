"""A real Ray cluster on this machine: a head that takes no tasks, as a login machine does, and three workers."""

from __future__ import annotations

import importlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_local import DRIVE, alive, hear_control_c, until
from toys import WORK, kept, path, toy

from leukolab.base.errors import ClusterError, ImageError, MissingExtraError, RunError
from leukolab.base.files import make_folder
from leukolab.base.home import Home
from leukolab.plan import Place, Task, cluster, held, read_events, run_plan, status, write_plan
from leukolab.plan.cluster import APART, Room, request

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not FOLDER.is_dir(), reason="its machines are the benchmark's, which are made for Linux"
)


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """The cluster of the benchmark: `on` is where, `others` are its workers, `kill` loses one of them."""
    benchmark = importlib.import_module("ray_cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", _with_toys())
        with benchmark.cluster(head_cpus=0, others=3) as found:
            yield found


def _with_toys() -> str:
    """A search path by which the processes of a cluster find the toys."""
    return os.pathsep.join([path(), *filter(None, [os.environ.get("PYTHONPATH")])])


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def out(place: Place) -> dict[str, str]:
    """All that the plan made in the run folder."""
    return {file.name: file.read_text() for file in sorted((place.run / "out").iterdir())}


def test_a_plan_gives_what_it_gives_here_and_all_that_tasks_say_arrives(
    machines: Any, place: Place, said: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = [toy("c", ("a", "b"), reads=["a", "b"]), toy("a", print="a word"), toy("b", ("a",), reads=["a"])]
    here = Place(tmp_path / "here", Home(tmp_path / "here home"))
    run_plan(plan, place, WORK, machines.on)
    assert capfd.readouterr() == ("", "")
    run_plan(plan, here, WORK, "local", logging.getLogger("elsewhere"))
    assert out(place) == out(here) == {"a": "a", "b": "b(a)", "c": "c(a)(b(a))"}
    events = read_events(place.run)
    assert [event.key for event in events if event.event == "started"] == ["a", "b", "c"]
    pids = {event.pid for event in events if event.event == "started"}
    assert os.getpid() not in pids
    assert "toy a: a word" in said
    assert "toy a: a word again" in said
    at = [line for line in said if " in " in line and ": at " in line]
    assert {int(line.split()[-1]) for line in at} <= pids
    assert len(at) == 3
    assert said.index(at[0]) < next(number for number, line in enumerate(said) if "toy a: done in" in line)
    assert status(plan, place).done == 3
    assert [event.workers for event in events if event.event == "opened"] == [3]


def test_an_error_arrives_as_itself_and_a_lost_process_is_started_once_more(
    machines: Any, place: Place, said: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    plan = [toy("a", die_once="a.pid"), toy("b", ("a",), fail="sentence"), toy("c", ("b",))]
    with pytest.raises(ImageError) as caught:
        run_plan(plan, place, WORK, machines.on)
    assert str(caught.value) == "a sentence"
    assert capfd.readouterr() == ("", "")
    assert "toy a: its process or machine was lost (WorkerCrashedError); started once more" in said
    assert [row.state for row in status(plan, place).rows] == ["done", "failed", "left"]
    assert [event.key for event in read_events(place.run) if event.event == "started"] == ["a", "a", "b"]
    assert not held(place.run)


def test_a_failure_stops_the_tasks_that_run(machines: Any, place: Place, said: list[str]) -> None:
    plan = [toy("a", hang="a.pid"), toy("b", wait_for="a.pid", fail="sentence")]
    with pytest.raises(ImageError, match="a sentence"):
        run_plan(plan, place, WORK, machines.on)
    until(lambda: not alive(int((place.run / "a.pid").read_text())))


def test_a_task_that_always_loses_its_process_ends_the_plan(
    machines: Any, place: Place, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LIVES", 2)
    with pytest.raises(RunError, match=r"toy a: lost 2 times .* \(WorkerCrashedError\)"):
        run_plan([toy("a", die=True)], place, WORK, machines.on)


def test_machines_apart_send_home_what_is_asked_for_and_tidy_up(
    machines: Any, place: Place, said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(APART, "1")
    (place.home / "kept" / "old").mkdir(parents=True)
    (place.home / "kept" / "old" / "a").write_text("long there")
    plan = [
        kept("k", where=str(tmp_path / "where")),
        Task("c", "toy c", "toy", {"key": "c", "reads": ["home/kept/k/b", "home/kept/old/a", "b"]}, ("k", "b"),
             ("home/kept", "run/out"), ("run/out/c",)),
        toy("b"),
        kept("last"),
    ]  # fmt: skip
    run_plan(plan, place, WORK, machines.on)
    assert out(place) == {"b": "b", "c": "c(b of k)(long there)(b)"}
    assert sorted(item.name for item in (place.home / "kept").iterdir()) == ["last", "old"]
    scratch = Path((tmp_path / "where").read_text())
    assert scratch.is_relative_to(tempfile.gettempdir())
    assert not scratch.is_relative_to(place.home.path)
    assert not scratch.parent.exists()


def test_a_machine_lost_in_the_middle_changes_nothing(
    machines: Any, place: Place, said: list[str], tmp_path: Path
) -> None:
    names = [f"n{number}" for number in range(3)]
    plan = [*(toy(name, meet=[f"{name}.pid", "lost"]) for name in names), toy("end", tuple(names), reads=names)]

    def lose() -> None:
        until(lambda: len(list(place.run.glob("*.pid"))) == len(machines.others), 60)
        machines.kill()
        (place.run / "lost").touch()

    thread = meanwhile(lose)
    run_plan(plan, place, WORK, machines.on)
    thread.join()
    here = Place(tmp_path / "here", Home(tmp_path / "here home"))
    make_folder(here.run)
    (here.run / "lost").touch()
    run_plan(plan, here, WORK, "local", logging.getLogger("elsewhere"))
    assert out(place) == out(here)
    assert any("its process or machine was lost" in line for line in said)
    assert status(plan, place).done == len(plan)


def test_what_was_lost_with_its_machine_is_made_again(
    machines: Any, place: Place, said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(APART, "1")
    where, lost = tmp_path / "where", tmp_path / "lost"
    plan = [
        kept("k", where=str(where)),
        toy("gate", ("k",), wait_outside=str(lost)),
        Task("c", "toy c", "toy", {"key": "c", "reads": ["home/kept/k/b", "gate"]}, ("k", "gate"),
             ("home/kept/k", "run/out/gate"), ("run/out/c",)),
    ]  # fmt: skip

    def lose() -> None:
        until(lambda: any("kept k: done" in line for line in said))
        first = where.read_text()
        machines.kill(first)
        shutil.rmtree(Path(first).parent)
        lost.touch()

    thread = meanwhile(lose)
    run_plan(plan, place, WORK, machines.on)
    thread.join()
    assert out(place)["c"] == "c(b of k)(gate)"
    assert not Path(where.read_text()).parent.exists()
    assert sum("kept k: done" in line for line in said) == 2
    assert any("toy c: what it needs was lost with its machine; started once more" in line for line in said)


def test_control_c_stops_a_cluster_started_here_and_leaves_nothing(place: Place) -> None:
    plan = [toy("a", hang="a.pid"), toy("b")]
    write_plan(place.run, plan)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(place.run), "ray", path()], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, preexec_fn=hear_control_c, env=os.environ | {"PYTHONPATH": _with_toys()},
    )  # fmt: skip
    try:
        until(lambda: (place.run / "a.pid").exists() or driver.poll() is not None, 120)
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGINT)
        _, errors = driver.communicate(timeout=60)
    finally:
        driver.kill()
    if "discovered a bug in Ray" not in errors.decode():  # now and then it fails a check of its own, on a busy machine
        assert driver.returncode == -signal.SIGINT, errors.decode()
        assert errors.decode().count("Traceback") == 1
        assert "KeyboardInterrupt" in errors.decode()
    until(lambda: not _in_session(driver.pid))
    assert status(plan, place).rows[0].state == "left"


@pytest.mark.parametrize("where", ["joined", "started here"])
def test_a_run_leaves_the_process_as_it_was(machines: Any, place: Place, said: list[str], where: str) -> None:
    def own(*_: object) -> None:
        """What this process does when it is asked to end."""

    before = signal.signal(signal.SIGTERM, own)
    environment = dict(os.environ)
    try:
        run_plan([toy("a")], place, WORK, machines.on if where == "joined" else "ray")
        assert signal.getsignal(signal.SIGTERM) is own
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert dict(os.environ) == environment


def _in_session(leader: int) -> list[int]:
    """Processes that a process started, and those these started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_task_asks_for_no_more_than_the_largest_machine_has() -> None:
    rooms = [Room(4), Room(16), Room(8, 2)]
    assert request(Task("a", "a", "toy", {}, cpus=6), rooms) == Room(6)
    assert request(Task("a", "a", "toy", {}, cpus=64), rooms) == Room(16)
    assert request(Task("a", "a", "toy", {}, cpus=64, gpus=4), rooms) == Room(8, 2)
    with pytest.raises(ClusterError, match="a: needs a graphics card, and none of the cluster's 2 machines"):
        request(Task("a", "a", "toy", {}, gpus=1), rooms[:2])
    with pytest.raises(ClusterError, match="none of the cluster's 1 machines offers a processor"):
        request(Task("a", "a", "toy", {}), [Room(0)])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:word", "no-such-host.invalid"])
def test_a_cluster_that_is_not_there_is_told_at_once(place: Place, said: list[str], address: str) -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match=f"on: no Ray cluster could be joined at {re.escape(address)} "):
        run_plan([toy("a")], place, WORK, f"ray://{address}")
    assert time.monotonic() - started < 15


def test_without_ray_the_extra_is_named(place: Place, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"leukolab\[ray\]\""):
        run_plan([toy("a")], place, WORK, "ray")
    assert not place.run.exists()

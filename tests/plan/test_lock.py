from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leukolab.base.errors import RunError, StorageError
from leukolab.plan import Task, held, hold
from leukolab.plan.journal import Journal

HOLD = "import sys, time, pathlib; from leukolab.plan import hold\nwith hold(pathlib.Path(sys.argv[1])): time.sleep(60)"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the run folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)])
    try:
        while not (tmp_path / ".lock.json").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_second_process_is_told_who_works_there(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    assert held(tmp_path)
    with pytest.raises(RunError) as caught, hold(tmp_path):
        pass
    sentence = str(caught.value)
    assert sentence.startswith(f"{tmp_path}: another process (pid {holder.pid} on {socket.gethostname()}, since ")
    assert sentence.endswith("works in this run folder. Wait until it is done, or choose another run folder.")


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_a_killed_holder_holds_no_more(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not held(tmp_path)
    with hold(tmp_path):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()


def test_a_lock_is_held_until_the_outermost_lets_go(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not held(run)
    assert not run.exists()
    with hold(run):
        with hold(run):
            pass
        assert held(run)
        assert (run / ".lock.json").exists()
    assert not held(run)
    assert not (run / ".lock.json").exists()


def test_the_second_process_stops_also_where_the_first_has_not_signed(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    (tmp_path / ".lock.json").write_text("torn")
    with pytest.raises(RunError, match="another process works in"), hold(tmp_path):
        pass


def test_a_file_in_the_place_of_the_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(StorageError, match="a file stands"), hold(tmp_path / "run"):
        pass


@pytest.mark.parametrize("fate", ["moved", "deleted", "replaced"])
def test_a_folder_that_is_moved_deleted_or_replaced_ends_the_work_in_it(tmp_path: Path, fate: str) -> None:
    run, task = tmp_path / "run", Task("a", "a", "train", {})

    def work() -> None:
        with hold(run):
            journal = Journal(run, [task], [task], logging.getLogger(__name__))
            journal.started(task)
            run.rename(tmp_path / "away")
            if fate == "deleted":
                shutil.rmtree(tmp_path / "away")
            if fate == "replaced":
                run.mkdir()
            journal.finished(task, 1.0)

    with pytest.raises(RunError, match=r"run: expected this run folder to stay until the run ends, found it moved or"):
        work()
    assert not (run / "ledger.jsonl").exists()
    assert not held(run)


def test_whatever_an_error_says_a_moved_folder_is_its_cause(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def work() -> None:
        with hold(run):
            run.rename(tmp_path / "away")
            (run / "x").read_bytes()

    with pytest.raises(RunError, match="moved or deleted") as met:
        work()
    assert isinstance(met.value.__cause__, FileNotFoundError)

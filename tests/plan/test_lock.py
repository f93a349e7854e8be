from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leukolab.base.errors import RunError, StorageError
from leukolab.plan import held, hold

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

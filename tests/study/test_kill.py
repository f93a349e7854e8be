"""Runs that end badly at any instant go on with the same command, to the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("resource", reason="no SIGKILL and no bounds on files there")

from children import ended, started

from leukolab.base.home import Home
from leukolab.base.streams import stream
from leukolab.plan import read_events
from leukolab.study.status import as_text, read_progress

STUDY = (
    "--backbone", "test_efficientnet", "--weights", "none", "--image-size", "48", "--epochs", "4+2",
    "--set", "training.learning_rates=[0.01, 0.001]", "--set", "bootstrap=100", "--set", "training.augment.views=2",
    "--set", "protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set", "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
SAME = ("predictions.parquet", "scores.parquet", "members.parquet", "chosen.json")
KILLS = 3


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody stopped, and the seconds it took."""

    run: Path
    home: Path
    seconds: float


@pytest.fixture(scope="module")
def study(two_class: Path) -> Callable[[Path, Path], tuple[object, ...]]:
    """The command for a run folder and a home folder."""
    return lambda run, home: ("--home", home, "study", "run", "demo", "--data", two_class, "--out", run, *STUDY)


Command = Callable[[Path, Path], tuple[object, ...]]


@pytest.fixture(scope="module")
def undisturbed(study: Command, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    run, home = folder / "run", folder / "home"
    assert ended(folder / "first.log", "study", "list") == 0  # the server has imported everything
    begun = time.perf_counter()
    assert ended(folder / "log", *study(run, home)) == 0, (folder / "log").read_text()
    return Undisturbed(run, home, time.perf_counter() - begun)


def same(run: Path, undisturbed: Undisturbed) -> bool:
    return all((run / name).read_bytes() == (undisturbed.run / name).read_bytes() for name in SAME)


def sentence(log: Path) -> str:
    """The one line a person is told; no traceback."""
    text = log.read_text()
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("leukolab: ")]
    return line


def test_killed_at_random_instants_a_run_ends_with_the_same_bytes(
    study: Command, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    command = study(tmp_path / "run", tmp_path / "home")
    kills = 0
    for share in stream(5, "kills").uniform(0.1, 0.9, KILLS):
        with started(tmp_path / "log", *command) as process:
            process.join(float(share) * undisturbed.seconds)
            if process.exitcode is None:
                os.killpg(process.pid or 0, signal.SIGKILL)
                process.join()
                kills += process.exitcode == -signal.SIGKILL
    assert kills
    assert ended(tmp_path / "log", *command) == 0, (tmp_path / "log").read_text()
    assert same(tmp_path / "run", undisturbed)
    assert not list((tmp_path / "run").rglob(".*.????????")), "half-written files of killed processes"
    assert read_progress(tmp_path / "run", Home(tmp_path / "home")).state == "finished"


def test_a_second_process_is_refused_ctrl_c_is_obeyed_and_status_tells_of_both(
    study: Command, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    run, home, log = tmp_path / "run", undisturbed.home, tmp_path / "log"
    with started(log, *study(run, home)) as process:
        _wait(lambda: "started" in [event.event for event in read_events(run)])
        during = read_progress(run, Home(home))
        assert ended(tmp_path / "second.log", *study(run, home)) == 2
        os.kill(process.pid or 0, signal.SIGINT)
        process.join(60)
        assert process.exitcode == 130
    assert f"{run}: another process (pid {process.pid} on " in sentence(tmp_path / "second.log")
    assert sentence(log).endswith("stopped. What was finished is kept; the same command goes on from there.")
    assert during.state == "running"
    after = read_progress(run, Home(home))
    assert after.state == "stopped"
    assert after.plan is not None
    assert after.plan.running == 0
    assert "goes on from here" in as_text(after)
    assert ended(log, *study(run, home)) == 0
    assert same(run, undisturbed)


def test_where_no_more_can_be_written_a_run_says_so_and_goes_on_later(
    study: Command, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """No file may be larger than 200 kB: the packed pixels do not fit at home, nor the backbone in the run."""
    run, log = tmp_path / "run", tmp_path / "log"
    for home, full in ((tmp_path / "home", tmp_path / "home"), (undisturbed.home, run)):
        assert ended(log, *study(run, home), largest_file=200_000) == 2
        assert "no space left on this disk. What was finished is kept: free some space and run" in sentence(log)
        assert str(full) in sentence(log)
    assert ended(log, *study(run, undisturbed.home)) == 0, log.read_text()
    assert same(run, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, as small as the test makes it; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if _mount("-t", "tmpfs", "-o", "size=1m", "leukolab", folder):
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_while_models_train(
    small_disk: Path, study: Command, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    jobs = sum(path.stat().st_size for path in (undisturbed.run / "jobs").rglob("*"))
    before = sum(path.stat().st_size for path in undisturbed.run.glob("*") if path.is_file())
    assert not _mount("-o", f"remount,size={int(before + 0.5 * jobs)}", small_disk)
    run, log = small_disk / "run", tmp_path / "log"
    assert ended(log, *study(run, undisturbed.home)) == 2, log.read_text()
    assert "no space left on this disk" in sentence(log)
    assert not _mount("-o", "remount,size=64m", small_disk)
    assert ended(log, *study(run, undisturbed.home)) == 0, log.read_text()
    assert same(run, undisturbed)


def _mount(*arguments: object) -> int:
    """Exit code of `mount`."""
    if shutil.which("mount") is None:
        return 1
    return subprocess.run(["mount", *(str(argument) for argument in arguments)], capture_output=True).returncode


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

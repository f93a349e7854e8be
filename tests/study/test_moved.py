"""The run folder or the home folder is moved away while a study works in it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.importorskip("resource", reason="a folder that is in use cannot be moved there")

from children import SAME, SMALL_STUDY, ended, started

Command = Callable[[str, str], tuple[object, ...]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("moved")


@pytest.fixture(scope="module")
def study(two_class: Path, folder: Path) -> Command:
    """The command for a run folder and a home folder in `folder`."""
    return lambda run, home: (
        "--home", folder / home, "study", "run", "demo", "--data", two_class, "--out", folder / run, *SMALL_STUDY
    )  # fmt: skip


@pytest.fixture(scope="module")
def alone(study: Command, folder: Path) -> Path:
    """A run that nothing was moved of."""
    assert ended(folder / "alone.log", *study("alone", "home-alone")) == 0, (folder / "alone.log").read_text()
    return folder / "alone"


def moved_away(place: Path, ledger: Path, word: str) -> Path:
    """Move a folder once the ledger has this word; where it is now."""
    end = time.monotonic() + 120
    while not (ledger.exists() and word in ledger.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return place.rename(place.with_name(f"{place.name}-away"))


def same(run: Path, alone: Path) -> bool:
    return all((run / name).read_bytes() == (alone / name).read_bytes() for name in SAME)


def test_a_run_folder_moved_away_is_one_sentence_and_goes_on_once_it_is_back(
    study: Command, alone: Path, folder: Path
) -> None:
    run, log = folder / "run", folder / "run.log"
    with started(log, *study("run", "home")) as process:
        away = moved_away(run, run / "ledger.jsonl", "opened")
        process.join(120)
        assert process.exitcode == 2
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("leukolab: ")]
    assert line.startswith(f"leukolab: {run}: expected this run folder to stay until the run ends, found it moved or")
    assert "run the same command again" in line
    assert "Traceback" not in log.read_text()
    shutil.rmtree(run, ignore_errors=True)
    away.rename(run)
    assert ended(log, *study("run", "home")) == 0, log.read_text()
    assert same(run, alone)


def test_a_home_folder_moved_away_costs_time_only(study: Command, alone: Path, folder: Path) -> None:
    run, log = folder / "other", folder / "other.log"
    with started(log, *study("other", "home-other")) as process:
        moved_away(folder / "home-other", run / "ledger.jsonl", "opened")
        process.join(120)
        assert process.exitcode == 0, log.read_text()
    assert same(run, alone)


@pytest.mark.slow
def test_processes_without_their_packed_pixels_are_one_sentence_and_the_same_command_goes_on(
    study: Command, alone: Path, folder: Path
) -> None:
    run, log = folder / "two", folder / "two.log"
    command = (*study("two", "home-two"), "--on", "local:2")
    with started(log, *command) as process:
        moved_away(folder / "home-two", run / "ledger.jsonl", "opened")
        process.join(120)
        assert process.exitcode == 2, log.read_text()
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("leukolab: ")]
    assert "packed images here, found none or others. Run the study again on the same data folder" in line
    assert ended(log, *command) == 0, log.read_text()
    assert same(run, alone)

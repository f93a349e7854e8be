"""The benchmark's own parts; its runs are many minutes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from leukolab.plan import Event

FOLDER = Path(__file__).parents[2] / "benchmarks"
BUSY = "while True: pass"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir() or sys.platform != "linux", reason="benchmarks are not at hand, or there is no /proc"
)


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("kills")


def test_the_same_seed_draws_the_same_cases_and_more_runs_keep_the_first(kills: ModuleType) -> None:
    drawn = list(islice(kills.cases(3, 1), 60))
    assert drawn[:8] == list(islice(kills.cases(3, 1), 8))
    assert drawn != list(islice(kills.cases(3, 2), 20))
    assert {len(case.shares) for case in drawn} == {1, 2, 3}
    assert all(0 <= share < 1 for case in drawn for share in case.shares)
    assert {(case.on, case.home) for case in drawn} == {
        (on, home) for on in ("local", "local:2") for home in ("fresh", "shared", "cramped")
    }


def test_half_of_the_runs_share_a_cramped_home_two_by_two(kills: ModuleType, tmp_path: Path) -> None:
    bench = kills.Bench(tmp_path, "demo", tmp_path)
    groups = [list(group) for group in islice(kills.together(kills.cases(3, 1)), 30)]
    homes = [{bench.home(case) for case in group} for group in groups]
    assert all(len(home) == 1 for home in homes)
    assert [case.number for group in groups for case in group] == list(range(1, 41))
    pairs = [group for group in groups if len(group) == 2]
    assert len(pairs) == 10
    assert all({case.home for case in pair} == {"cramped"} for pair in pairs)
    own = [home.pop() for group, home in zip(groups, homes, strict=True) if group[0].home != "shared"]
    assert len(own) == len(set(own))


def test_a_command_is_killed_at_its_processor_time_and_all_its_processes_with_it(
    kills: ModuleType, tmp_path: Path
) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    found = kills.attempt([sys.executable, "-c", code], tmp_path / "log", 0.5)
    assert found.code == -9
    assert 0.5 <= found.cpu_seconds < 5
    assert "while True: pass" not in subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True).stdout
    done = kills.attempt([sys.executable, "-c", "print('said')"], tmp_path / "log", 1e6)
    assert (done.code, (tmp_path / "log").read_text()) == (0, "said\n")
    assert kills.cpu_seconds(os.getpgid(0)) > 0


@pytest.mark.parametrize(
    ("log", "events", "pixels", "stage"),
    [
        ("", (), False, "start-up"),
        ("72 images of phantom\n", (), False, "packing"),
        ("72 images of phantom\n", (), True, "preparing"),
        ("72 images of phantom\n", ("planned",), True, "between jobs"),
        ("72 images of phantom\n", ("planned", "opened", "started features a"), True, "frozen part"),
        ("72 images of phantom\n", ("started features a", "finished features a"), True, "between jobs"),
        ("72 images of phantom\n", ("started features a", "finished features a", "started heads b"), True, "heads"),
        ("72 images of phantom\n", ("started train c", "progress train c"), True, "stage 2"),
        ("72 images of phantom\nsimple rivals, corrected\n", ("planned",), True, "rivals"),
        ("72 images of phantom\nsimple rivals, corrected\nscores and report\n", (), True, "report"),
    ],
)
def test_where_a_kill_struck(kills: ModuleType, log: str, events: tuple[str, ...], pixels: bool, stage: str) -> None:
    told = [Event(*_parts(event)) for event in events]
    assert kills.stage_of(log, told, pixels) == stage
    assert stage in kills.STAGES


def _parts(text: str) -> tuple[str, ...]:
    """Event, key, name, kind."""
    event, kind, key = (*text.split(), "", "")[:3]
    return event, key, key, kind


def test_the_table_counts_kills_and_runs(kills: ModuleType) -> None:
    def record(on: str, identical: bool, *stages: str, home: str = "fresh") -> dict[str, object]:
        return {"on": on, "home": home, "identical": identical, "kills": [{"stage": stage} for stage in stages]}

    early = record("local", True)
    cramped = record("local", True, "heads", "heads", home="cramped")
    text = kills.table([record("local", True, "heads", "report"), early, cramped, record("local:2", False, "heads")])
    rows = {line[:14].strip(): line[14:].split() for line in text.splitlines()[:-1]}
    assert rows["heads"] == ["1", "2", "1"]
    assert rows["kills"] == ["2", "2", "1"]
    assert rows["runs killed"] == ["1", "1", "1"]
    assert rows["identical"] == ["1", "1", "0"]
    assert rows["done before"] == ["1", "0", "0"]
    assert text.splitlines()[-1].startswith("2 of 3 killed runs")

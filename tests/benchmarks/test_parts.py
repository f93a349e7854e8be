"""Throughput, scaling and gpu: their arithmetic by hand, and each really run at the smallest size."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand")]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> type[ModuleType]:
    """Gives a benchmark's module by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module  # type: ignore[return-value]


def run(part: type[ModuleType], monkeypatch: pytest.MonkeyPatch, name: str, *options: str) -> None:
    """A benchmark as from the command line, in this process."""
    module = part(name)
    monkeypatch.setattr(sys, "argv", [name, *options])
    module.main()


def test_a_share_is_the_middle_one_of_the_rounds(part: type[ModuleType]) -> None:
    timing = part("timing")
    ours, theirs = timing.Timed((80.0, 45.0, 30.0), 1.0), timing.Timed((100.0, 50.0, 300.0), 1.0)
    assert timing.share(ours, theirs) == pytest.approx(0.8)
    assert (ours.best, ours.median) == (80.0, 45.0)


def test_every_round_has_every_work_once_at_least(part: type[ModuleType]) -> None:
    called: list[str] = []

    def work(name: str, seconds: float) -> int:
        called.append(name)
        time.sleep(seconds)
        return 2

    works = {"slow": lambda: work("slow", 0.02), "quick": lambda: work("quick", 0.001)}
    found = part("timing").in_turn(works, rounds=2, seconds=0.0)
    assert called == ["slow", "quick"] * 3, "the first of each warms up"
    assert max(found["slow"].rounds) <= 2 / 0.02
    assert found["slow"].cpu_ms < 20, "sleeping is no processor time"


def test_operations_are_twice_the_multiplications(part: type[ModuleType], tmp_path: Path) -> None:
    """A convolution by hand; and Lite0 at 224 px, 407 million by its authors, who count more than convolutions."""
    workload = part("workload")
    convolution = torch.nn.Conv2d(3, 8, 3)
    assert workload._counted(convolution, torch.zeros(1, 3, 10, 10)) * 1e9 == 2 * 27 * 8 * 8 * 8
    load = workload.make("lite0", 224, 2, 2, {"trunk": "torch", "trunk_batch_size": 2, "device": "cpu"}, tmp_path)
    forward = workload.forward_gflop(load.network, 224)
    assert forward == pytest.approx(2 * 0.407, rel=0.1)
    kept = workload.step_gflop(load, workload.LAST, from_pixels=False)
    from_pixels = workload.step_gflop(load, workload.LAST)
    assert workload.step_gflop(load, workload.WHOLE) == pytest.approx(3 * forward)
    assert from_pixels - kept == pytest.approx(forward - kept / 3)
    assert 0 < kept < from_pixels < 3 * forward


def test_throughput_at_the_smallest_size(
    part: type[ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "throughput.json"
    options = (
        "--backbones",
        "tiny",
        "--seconds",
        "0",
        "--rounds",
        "1",
        "--passes",
        "2",
        "--batch",
        "8",
        "--files",
        "4",
    )
    run(part, monkeypatch, "throughput", *options, "--drawn-px", "64", "--out", str(out))
    found = json.loads(out.read_text())
    parts = {record["part"]: record for record in found["parts"]}
    assert {"pack", "read and change, 1 thread", "trunk, torch float32", "engine pass, changed view",
            "heads, 15 together", "last stage, kept activations", "whole network"} <= set(parts)  # fmt: skip
    assert all(record["images_per_second"] > 0 for record in parts.values())
    assert parts["engine pass, plain view"]["share_of_runtime"] > 0
    peaks = found["machine"]["matrix_product_gflops"]
    record = parts["trunk, torch float32"]
    assert record["share_of_peak"] == pytest.approx(
        record["gflop"] * record["images_per_second"] / peaks["float32"], rel=0.01
    )
    assert str(tmp_path) not in out.read_text()
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["part", "backbone"]


def test_gpu_tries_itself_on_the_processor(
    part: type[ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.json"
    run(part, monkeypatch, "gpu", "--device", "cpu", "--quick", "--out", str(out))
    found = json.loads(out.read_text())
    assert all(record["on"] > 0 for record in found["parts"])
    with_input = [record["part"] for record in found["parts"] if record["off"]]
    assert {"engine: trunk pass, changed view", "engine: stage 2", "loop: stage 1", "loop: stage 2"} <= set(with_input)
    assert set(found["extrapolated_seconds"]["tiny"]) == {"engine", "loop"}
    assert "EXTRAPOLATED" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_gpu_says_that_there_is_no_card(
    part: type[ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(part, monkeypatch, "gpu")
    assert ended.value.code == 2
    assert "expected a graphics card" in capsys.readouterr().err


def test_a_whole_study_from_its_parts(part: type[ModuleType]) -> None:
    """1,000 images at one an image and second: what is passed how often, by hand."""
    gpu = part("gpu")
    names = ("engine: trunk pass, plain view", "engine: trunk pass, changed view", "engine: 15 heads together",
             "engine: stage 2", "engine: judging", "loop: stage 1", "loop: stage 2", "loop: judging")  # fmt: skip
    study = gpu.Study(images=1000, models=2, epochs=(3, 4), views=5)
    found = gpu.whole_study(dict.fromkeys(names, 1.0), study)
    assert found["engine"] == pytest.approx(
        {"trunk": 1000 + 5 * 700, "stage 1": 2 * 3 * 700, "stage 2": 2 * 4 * 700, "predictions": 2 * 440}
    )
    assert found["loop"] == pytest.approx({"stage 1": 2 * 3 * 700, "stage 2": 2 * 4 * 700, "predictions": 2 * 440})
    quicker = gpu.whole_study(dict.fromkeys(names, 1.0) | {"loop: stage 2": 2.0}, study)
    assert quicker["loop"]["stage 2"] == pytest.approx(2 * 4 * (280 + 140))


def test_points_change_one_thing_and_compare_the_ends(part: type[ModuleType]) -> None:
    scaling = part("scaling")
    given = argparse.Namespace(base_images=100, images=[50, 400])
    assert [point.images for point in scaling.points("images", given)] == [50, 400]
    for varied in ("views", "models", "folds"):
        points = scaling.points(varied, given)
        assert len({point.images for point in points}) == 1
        assert [point.rates for point in points] == ([1, 2, 4] if varied == "models" else [1, 1, 1])
    first = {"images": 50, "cpu_seconds": 10.0, "wall_seconds": 5.0, "peak_gib": 1.0, "peak_private_gib": 0.5}
    last = {"images": 250, "cpu_seconds": 30.0, "wall_seconds": 15.0, "peak_gib": 1.05, "peak_private_gib": 0.6}
    found = scaling.compare("images", [first, last])
    assert found["cpu_seconds_each"] == pytest.approx(0.1)
    assert found["wall_seconds_each"] == pytest.approx(0.05)
    assert (found["memory_rise"], found["private_rise"]) == (0.05, 0.2)
    assert "+5.0%: flat" in scaling.lines({"images": {"points": [], **found}})
    assert "NOT flat" in scaling.lines({"images": {"points": [], **found, "memory_rise": 0.11}})


def test_a_point_of_scaling_is_a_whole_study(tmp_path: Path) -> None:
    out = tmp_path / "scaling.json"
    command = [
        *(sys.executable, str(FOLDER / "scaling.py"), "--vary", "images", "--images", "40", "--subjects", "20"),
        *("--size-px", "48", "--backbone", "test_efficientnet", "--epochs", "1,1", "--work", str(tmp_path / "work")),
        *("--bootstrap", "100", "--out", str(out)),
    ]
    subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(out.read_text())["varied"]["images"]["points"]
    assert [(point["images"], point["models"]) for point in found] == [(40, 2)]
    assert all(point["cpu_seconds"] > 1 and point["peak_gib"] > 0.1 for point in found)
    assert str(tmp_path) not in out.read_text()

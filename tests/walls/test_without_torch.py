"""Every command that is said to need no torch is run for real where torch cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.home import Home
from leukolab.cli import main
from leukolab.cli.table import COMMANDS

TRAINING = (
    "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=1",
    "--set=training.learning_rates=[0.01]", "--set=bootstrap=100",
    "--set=protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set=runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
ABSENT = """
import json, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "timm", "safetensors"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from leukolab.cli import main
main(json.loads(sys.argv[1]))
"""
Leukolab = Callable[..., str]
RUN = {
    "data list", "data show", "data draw", "data verify", "data audit", "data explore", "score", "cache list",
    "cache trim", "cache clear", "study list", "study show", "study status", "study report", "study compare",
    "study merge",
}  # fmt: skip
"""The commands that the tests below run."""


@pytest.fixture(scope="module")
def runs(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs of a tiny study, each of one outer part."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 50)
        for outer in ("1", "2"):
            with pytest.raises(SystemExit) as ended:
                main(["--home", str(home), "study", "run", "demo", "--data", str(two_class), *TRAINING,
                      "--outer-parts", outer, "--out", str(folder / outer)])  # fmt: skip
            assert not ended.value.code
    return [folder / "1", folder / "2"]


@pytest.fixture
def leukolab(home: Home, tmp_path: Path) -> Leukolab:
    """Runs `leukolab --home HOME ARGUMENTS...` without torch; what it prints."""

    def call(*arguments: object, code: int = 0) -> str:
        given = json.dumps(["--home", str(home), *(str(argument) for argument in arguments)])
        environment = {**os.environ, "PYTHONWARNINGS": "error"}
        found = subprocess.run([sys.executable, "-c", ABSENT, given], cwd=tmp_path, env=environment,
                               capture_output=True, text=True, timeout=300)  # fmt: skip
        assert found.returncode == code, found.stderr
        return found.stdout

    return call


def test_every_command_that_is_said_to_need_nothing_is_run_here() -> None:
    assert {name for name, listed in COMMANDS.items() if listed.place and not listed.extra} == RUN


def test_data_sets_are_drawn_listed_shown_verified_and_explored(leukolab: Leukolab, tmp_path: Path) -> None:
    assert "phantom" in leukolab("data", "list")
    assert "phantom" in leukolab("data", "show", "phantom")
    leukolab("data", "draw", "cells", "--subjects=4", "--images=2", "--size=48")
    assert leukolab("data", "verify", "phantom", "cells")
    assert "page: audit" in leukolab("data", "audit", "phantom", "cells", code=3)  # few images: a warning
    assert leukolab("data", "explore", "phantom", "cells").endswith("page: explore.html\n")
    assert "<html" in (tmp_path / "explore.html").read_text(encoding="utf-8")[:500]


def test_predictions_are_scored(leukolab: Leukolab, tmp_path: Path) -> None:
    table: Any = {"label": [0, 1, 1, 0], "p_a": [0.9, 0.2, 0.7, 0.6], "p_b": [0.1, 0.8, 0.3, 0.4]}
    pd.DataFrame(table).to_csv(tmp_path / "x.csv")
    assert "accuracy" in leukolab("score", "x.csv", "--positive=b", "--bootstrap=100", "--out", "tables")


def test_the_home_folder_is_listed_and_made_smaller(leukolab: Leukolab, runs: list[Path], tmp_path: Path) -> None:
    assert "pixels" in leukolab("cache", "list")
    assert "freed" in leukolab("--home", tmp_path, "cache", "trim", "--to=1GB")
    assert "freed" in leukolab("--home", tmp_path, "cache", "clear", "--yes")


def test_studies_are_listed_and_runs_told_reported_and_merged(
    leukolab: Leukolab, runs: list[Path], tmp_path: Path
) -> None:
    assert "demo" in leukolab("study", "list")
    assert "seed:" in leukolab("study", "show", "demo")
    assert "finished" in leukolab("study", "status", runs[0])
    assert leukolab("study", "report", runs[0]).startswith("report: ")
    assert leukolab("study", "merge", *runs, "--out", "merged").startswith("report: ")
    assert (tmp_path / "merged" / "report" / "report.html").is_file()
    assert leukolab("study", "compare", runs[0], "merged")

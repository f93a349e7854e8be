"""`--track`, and `study track` for what could not be tracked at once."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")  # MLflow's own
Leukolab = Callable[..., Any]
TINY = (
    "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=1",
    "--set=training.learning_rates=[0.01]", "--set=bootstrap=100",
    "--set=protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
    "--set=runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)  # fmt: skip
WITHOUT_MLFLOW = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mlflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from leukolab.cli import main
main(sys.argv[1:])
"""


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.slow
def test_a_run_whose_server_is_away_is_whole_and_tracked_later(
    leukolab: Leukolab, two_class: Path, tmp_path: Path
) -> None:
    out, away = tmp_path / "out", f"mlflow:http://127.0.0.1:{closed_port()}"
    study = ["study", "run", "demo", "--data", two_class, "--out", out, *TINY]
    answer = leukolab(*study, "--track", away)
    again = ["study", "track", str(out), "--to", away]
    assert answer.sentence.endswith(f"Try again with 'leukolab {shlex.join(again)}'.")
    assert f"report: {out / 'report' / 'report.html'}" in answer.out
    assert (out / "report" / "report.html").is_file()
    board = f"sqlite:///{(tmp_path / 'board.db').as_posix()}"
    later = leukolab(*again[:3], "--to", f"mlflow:{board}")
    assert later.out == f"tracked: mlflow ui --backend-store-uri {board}\n"
    assert leukolab(*study, "--track", f"mlflow:{board}").out.endswith(later.out)


def test_a_mistyped_target_is_refused_before_anything_is_spent(
    leukolab: Leukolab, two_class: Path, tmp_path: Path
) -> None:
    arguments = ["study", "run", "demo", "--data", two_class, "--out", tmp_path / "out", *TINY, "--track=mlfow"]
    assert "track: expected 'mlflow'" in leukolab(*arguments).sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["run", "track"])
def test_without_mlflow_a_sentence_says_what_to_install(command: str, two_class: Path, tmp_path: Path) -> None:
    arguments = ["study", command, str(tmp_path / "out"), "--to=mlflow"]
    if command == "run":
        arguments = ["study", "run", "demo", f"--data={two_class}", f"--out={tmp_path / 'out'}", "--track=mlflow"]
    code = [sys.executable, "-c", WITHOUT_MLFLOW, *arguments]
    found = subprocess.run(code, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr == "leukolab: tracking needs mlflow: install it with 'pip install \"leukolab[mlflow]\"'.\n"
    assert not (tmp_path / "out").exists()

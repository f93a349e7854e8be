"""From the command line to the HTML report, each step a process of its own, as a stranger would."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd

STUDY = (
    "--backbone", "test_efficientnet", "--weights", "none", "--image-size", "48", "--epochs", "3+1",
    "--set", "training.learning_rates=[0.01, 0.001]", "--set", "bootstrap=100",
    "--set", "protocols.corrected.split={kind: nested, outer: 3, folds: 2, tuning: 0.2}",
)  # fmt: skip


def leukolab(place: Path, *arguments: str) -> str:
    environment = {**os.environ, "LEUKOLAB_HOME": str(place / "home"), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "leukolab", *arguments]
    found = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=500)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_from_nothing_to_a_report_and_a_classified_image(tmp_path: Path) -> None:
    leukolab(tmp_path, "data", "draw", "cells", "--subjects", "20", "--images", "3", "--size", "48")
    said = leukolab(tmp_path, "study", "run", "demo", "--data", "cells", "--out", "my run", *STUDY)
    report = tmp_path / Path(re.search(r"^report: (.+)$", said, re.M).group(1))  # type: ignore[union-attr]
    assert report == tmp_path / "my run" / "report" / "report.html"
    page = report.read_text(encoding="utf-8")
    assert len(page) > 20_000
    for words in ("synthetic", "Research use only", "Cohen"):
        assert words in page
    assert not re.search(r'(src|href)="https?://(?!doi\.org)', page), "the page must hold all it shows"
    command = re.search(r"^classify new images: (.+)$", said, re.M).group(1)  # type: ignore[union-attr]
    program, *arguments = shlex.split(command.replace("IMAGES...", "cells/all"))
    assert program == "leukolab"
    table = pd.read_csv(io.StringIO(leukolab(tmp_path, *arguments)))
    assert len(table) == 30
    assert set(table["class"]) <= {"normal", "all"}
    before = (tmp_path / "my run" / "scores.parquet").read_bytes()
    assert leukolab(tmp_path, "study", "report", "my run").startswith("report: ")
    assert (tmp_path / "my run" / "scores.parquet").read_bytes() == before

"""Printed commands: pasted into a shell they are the arguments, and nothing in a name runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leukolab.base import shell

HOSTILE = ["x$(touch OWNED)", "`touch OWNED`", "a b", "it's", ";touch OWNED", 'say "hi"', "-x", "#", "*", "a\nb", ""]


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_a_pasted_command_runs_nothing_that_a_name_holds(tmp_path: Path) -> None:
    show = "import sys, json; print(json.dumps(sys.argv[1:]))"
    line = shell.pasted([sys.executable, "-c", show, *HOSTILE])
    shown = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert eval(shown.stdout) == HOSTILE
    assert list(tmp_path.iterdir()) == []


def test_windows_gets_the_quotes_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell.os, "name", "nt")
    assert shell.pasted(["leukolab", "predict", r"C:\My cells\a.png"]) == r'leukolab predict "C:\My cells\a.png"'


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_no_other_file_quotes_commands() -> None:
    sources = Path(shell.__file__).parents[1]
    found = [path.name for path in sources.rglob("*.py") if "list2cmdline" in path.read_text(encoding="utf-8")]
    assert found == ["shell.py"]

"""The list of faults: each of its sixteen lines has a case, and a case that is wrong is told."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("faults")


def test_a_command_that_takes_what_it_should_refuse_is_wrong(faults: ModuleType, tmp_path: Path) -> None:
    tree = faults.Tree(Path("src").resolve(), tmp_path)
    tree.ready_environment()
    assert tree.run("study", "list").refused == "exit code 0"
    assert tree.run("study", "show", "nothing").refused == ""
    assert faults.Done(1, "", "Traceback (most recent call last)", 1.0, 1).broken == "traceback"
    assert faults.Done(0, "", "", 61.0, 1).broken == "hangs"
    assert faults.Done(0, "", "", 1.0, 3 * 1024**3).broken == "takes 3.0 GiB"


def test_every_line_that_a_command_can_reach_has_a_case(faults: ModuleType) -> None:
    lines = {int(name.split()[0]) for name in faults.CASES}
    assert lines == set(range(1, 17)) - {2}  # 2: folders that may not be read, which root may

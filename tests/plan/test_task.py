from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leukolab.base.errors import RunError
from leukolab.base.home import Home
from leukolab.plan import Place, Task, read_plan, write_plan

TASK = Task("k2", "fold 2", "heads", {"rates": [1e-3]}, ("k1",), ("home/features/f",), ("run/jobs/k2",), 2, 0.5, 3.0)


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    plan = (replace(TASK, key="k1", after=(), gpus=0.0), TASK)
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "found none"),
        ("[]", "expected a plan"),
        ('{"version": 1, "tasks": [{"key": "k"}]}', "expected a plan"),
        ('{"version": 2, "tasks": []}', "newer Leukolab"),
    ],
)
def test_what_is_no_plan_is_refused_in_a_sentence(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    with pytest.raises(RunError, match=sentence):
        read_plan(tmp_path)


def test_a_place_can_be_found_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    there = Place(tmp_path / "run", Home(tmp_path / "home", 7))
    assert Place(Path("run"), Home(Path("home"), 7)).absolute() == there
    assert Place(Path("run"), Home(Path("home"), 7), Path("data")).absolute().data == tmp_path / "data"


def test_an_artefact_lies_in_the_run_folder_or_the_home_folder(place: Place) -> None:
    assert place.find("run/jobs/k") == place.run / "jobs" / "k"
    assert place.find("home/features/f") == place.home / "features" / "f"
    for odd in ("jobs/k", "run", "", "run/../../k", "/run/k"):
        with pytest.raises(ValueError, match="expected 'run"):
            place.find(odd)

"""A dry run counts what the run would train, refuses what it refuses, and needs no weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import timm

from leukolab.base.errors import RunError
from leukolab.base.files import read_json, write_json, write_text
from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.plan import Place, Task
from leukolab.plan.order import wanted
from leukolab.spec import RuntimeSpec, StudySpec
from leukolab.study.estimate import plan_study
from leukolab.study.run import train_study

Snapshot = Callable[[Path], dict[str, str]]


class StoppedError(Exception):
    """Raised where the run would begin to train."""


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, home: Home) -> Callable[..., tuple[int, int]]:
    """How many models and heads a run would train; the run is stopped there."""
    found: list[tuple[int, int]] = []

    def stop(tasks: Sequence[Task], place: Place, *_: object) -> None:
        left = wanted(tasks, place)
        heads = [name for task in left if task.kind == "heads" for name in task.makes if not place.has([name])]
        found.append((sum(task.kind == "train" for task in left), len(heads)))
        raise StoppedError

    def call(spec: StudySpec, data: Path, run: Path, retune: bool = False) -> tuple[int, int]:
        with pytest.raises(StoppedError):
            train_study(spec, data, run, home, retune=retune)
        return found[-1]

    monkeypatch.setattr("leukolab.study.run.run_plan", stop)
    return call


def half_done(run: Path) -> None:
    """Of four models one is lost with its head, one is lost without, and of one a file is cut short."""
    lost, kept, damaged, _ = sorted((run / "jobs").iterdir())
    first = {path.name: read_json(path / "result.json")["job"] for path in (run / "heads").iterdir()}
    name = read_json(lost / "result.json")["job"]
    shutil.rmtree(lost)
    shutil.rmtree(kept)
    shutil.rmtree(run / "heads" / next(key for key, job in first.items() if job == name))
    with (damaged / "model.safetensors").open("r+b") as stream:
        stream.truncate(100)


def counts(*given: Any, **more: Any) -> tuple[int, int]:
    found = plan_study(*given, **more)
    return found.left, found.heads


@pytest.mark.parametrize("state", ["fresh", "half done", "finished", "measured anew"])
def test_what_is_counted_is_what_the_run_would_train(
    small_run: Any, home: Home, tmp_path: Path, begin: Callable[..., tuple[int, int]], snapshot: Snapshot, state: str
) -> None:
    run, retune, spec = tmp_path / "run", state == "measured anew", small_run.spec
    if state != "fresh":
        shutil.copytree(small_run.folder, run)
    if state == "half done":
        half_done(run)
    if retune:
        spec = spec.model_copy(update={"runtime": RuntimeSpec(threads=2, trunk="torch", trunk_batch_size=16)})
    before = snapshot(run)
    counted = counts(spec, small_run.data, run, home, retune=retune)
    assert snapshot(run) == before
    assert counted == {"fresh": (4, 4), "half done": (3, 1), "finished": (0, 0), "measured anew": (4, 4)}[state]
    assert counted == begin(spec, small_run.data, run, retune)


def test_images_the_run_was_not_begun_on_are_refused(small_run: Any, home: Home, tmp_path: Path) -> None:
    other = draw_data_set(tmp_path / "other", "two_class", 20, 3, 48, 8)
    with pytest.raises(RunError, match="begun on other images"):
        plan_study(small_run.spec, other, small_run.folder, home)


def test_weights_need_not_be_there(
    small_run: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot, said: list[str]
) -> None:
    """Neither for a new run, nor for one that was begun with weights that are gone since."""
    real = timm.create_model

    def offline(*given: Any, pretrained: bool = False, **more: Any) -> Any:
        assert not pretrained, "the weights were asked for"
        return real(*given, pretrained=pretrained, **more)

    monkeypatch.setattr(timm, "create_model", offline)
    model = small_run.spec.model.model_copy(update={"weights": "hub"})
    spec = small_run.spec.model_copy(update={"model": model})
    before = snapshot(home.path)
    monkeypatch.setattr("leukolab.engine.fastest._difference", lambda *_: 1.0)
    open_runtime = spec.model_copy(update={"runtime": RuntimeSpec(device="cpu", precision="float32", threads=1)})
    assert counts(open_runtime, small_run.data, tmp_path / "new", home) == (4, 4)
    assert not [line for line in said if "left out" in line], "runtimes are not judged by a stand-in"
    assert snapshot(home.path) == before, "nothing of the stand-in is kept"
    run = Path(shutil.copytree(small_run.folder, tmp_path / "run"))
    write_text(run / "spec.json", spec.model_dump_json())
    parts = read_json(run / "architecture.json")
    write_json(run / "architecture.json", parts | {"weights": parts["weights"] | {"source": "hub"}})
    assert counts(spec, small_run.data, run, home) == (0, 0)
    half_done(run)
    assert counts(spec, small_run.data, run, home) == (3, 1)

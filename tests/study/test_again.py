"""The same command on a run folder again: with other settings, with damaged files, with the runtime measured anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.errors import RunError
from leukolab.base.home import Home
from leukolab.engine.bank import Bank
from leukolab.results.folder import RunFolder
from leukolab.results.predictions import read_results
from leukolab.spec import StudySpec, load_study
from leukolab.study import work
from leukolab.study.predict import open_model
from leukolab.study.run import run_study
from leukolab.study.session import Session

SETTINGS = ("spec.json", "study.yaml")
Learned = Callable[[Path], pd.DataFrame]


@pytest.fixture
def run(small_run: Any, tmp_path: Path) -> Path:
    """That run, in a place where it may be changed."""
    return Path(shutil.copytree(small_run.folder, tmp_path / "run"))


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the heads that are trained from here on."""
    names: list[str] = []
    real = work.train_heads

    def counted(tasks: Sequence[Any], *given: Any) -> Any:
        names.extend(task.name for task in tasks)
        return real(tasks, *given)

    monkeypatch.setattr(work, "train_heads", counted)
    return names


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Views that go through the frozen part from here on."""
    views: list[int] = []
    real = Bank._compute

    def counted(bank: Bank, view: int, shards: list[int]) -> None:
        views.append(view)
        real(bank, view, shards)

    monkeypatch.setattr(Bank, "_compute", counted)
    return views


def changed(spec: StudySpec, setting: str, folder: Path) -> StudySpec:
    path = folder / "changed.yaml"
    path.write_text(spec.model_dump_json(), encoding="utf-8")
    return load_study(str(path), [setting])


@pytest.mark.usefixtures("predictions_only")
@pytest.mark.parametrize(
    ("setting", "new_heads", "new_models", "new_views"),
    [
        ("bootstrap=150", 0, 0, 0),
        ("readings.two_stage.stages.1.epochs=2", 0, 4, 0),
        ("readings.two_stage.stages.0.epochs=2", 4, 4, 0),
        ("training.learning_rates=[0.01, 0.001, 0.02]", 2, 2, 0),
        ("runtime.evaluation_batch_size=32", 4, 4, 0),
        ("training.augment.brightness=0.1", 4, 4, 2),
    ],
)
def test_a_changed_setting_redoes_only_what_it_touches(
    setting: str, new_heads: int, new_models: int, new_views: int,
    small_run: Any, run: Path, home: Home, tmp_path: Path,
    heads: list[str], trainings: list[str], passes: list[int], learned: Learned,
) -> None:  # fmt: skip
    shutil.copytree(home.path, tmp_path / "home")
    run_study(changed(small_run.spec, setting, tmp_path), small_run.data, run, Home(tmp_path / "home"))
    assert (len(heads), len(trainings), len(set(passes))) == (new_heads, new_models, new_views)
    for made in (heads, trainings, passes):
        made.clear()
    run_study(small_run.spec, small_run.data, run, Home(tmp_path / "home"))
    assert (heads, trainings, passes) == ([], [], [])
    assert learned(run).equals(learned(small_run.folder))


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def files(run: Path) -> list[Path]:
    return [path for path in sorted(run.rglob("*")) if path.is_file() and path.name not in SETTINGS]


@pytest.mark.parametrize("damage", [half, Path.unlink])
def test_damaged_files_of_a_finished_run_are_made_anew(
    damage: Callable[[Path], None], small_run: Any, run: Path, home: Home, quick_report: None
) -> None:
    """All of them, but one of the two that hold the settings."""
    for path in [*files(run), run / "spec.json"]:
        damage(path)
    run_study(small_run.spec, small_run.data, run, home)
    for name in ("predictions.parquet", "scores.parquet", "chosen.json", "spec.json", "study.yaml"):
        assert (run / name).read_bytes() == (small_run.folder / name).read_bytes(), name


@pytest.fixture
def stopped(small_run: Any, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run stopped in its third model after an epoch: heads and two models are done, one is unfinished."""
    run, real = tmp_path / "stopped", work._training

    def stopping(session: Session, job: Any, tell: Any) -> Any:
        def told(text: str) -> None:
            tell(text)
            if sum(1 for _ in (run / "jobs").glob("[!.]*")) == 2:
                raise KeyboardInterrupt

        return real(session, job, told)

    with monkeypatch.context() as patch:
        patch.setattr(work, "_training", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_study(small_run.spec, small_run.data, run, home)
    assert len(list((run / "jobs").iterdir())) == 2
    return run


@pytest.mark.usefixtures("predictions_only")
@pytest.mark.parametrize(
    ("lost", "new_heads", "new_models"),
    [("unfinished/*", 0, 2), ("heads/*/head.safetensors", 2, 2), ("jobs/*/predictions.parquet", 0, 4), ("**/*", 4, 4)],
)
def test_damaged_files_of_a_stopped_run_are_made_anew(
    lost: str, new_heads: int, new_models: int, small_run: Any, stopped: Path, home: Home,
    heads: list[str], trainings: list[str], learned: Learned,
) -> None:  # fmt: skip
    """Cut to half; what is sound is not done again, nor the heads of models that are done."""
    for path in [path for path in stopped.glob(lost) if path in files(stopped)]:
        half(path)
    heads.clear()
    trainings.clear()
    run_study(small_run.spec, small_run.data, stopped, home)
    assert (len(heads), len(trainings)) == (new_heads, new_models)
    assert learned(stopped).equals(learned(small_run.folder))


@pytest.mark.usefixtures("predictions_only")
def test_settings_of_which_both_files_are_damaged_are_asked_to_be_deleted(
    small_run: Any, run: Path, home: Home, trainings: list[str]
) -> None:
    for name in SETTINGS:
        half(run / name)
    with pytest.raises(
        RunError, match=r"found both damaged or lost\. Delete these two files and run the same command again"
    ):
        run_study(small_run.spec, small_run.data, run, home)
    for name in SETTINGS:
        (run / name).unlink()
    run_study(small_run.spec, small_run.data, run, home)
    assert trainings == []


def measured(said: list[str]) -> int:
    """How often speeds were measured since this was asked last."""
    count = sum("images a pass" in line for line in said)
    said.clear()
    return count


@pytest.mark.usefixtures("predictions_only")
def test_the_runtime_is_measured_anew_where_that_is_asked_for(
    small_run: Any, run: Path, home: Home, trainings: list[str], said: list[str]
) -> None:
    asked = changed(small_run.spec, "runtime={device: cpu, precision: float32, threads: 1, trunk: torch}", run.parent)
    run_study(asked, small_run.data, run, home)
    assert measured(said) == 0
    run_study(asked, small_run.data, run, home, retune=True)
    assert measured(said) == 1
    runtime = load_study(str(run / "study.yaml")).runtime
    assert runtime.trunk_batch_size is not None
    jobs = pd.read_parquet(run / "jobs.parquet")
    kept = set(jobs["key"]) <= {path.name for path in (small_run.folder / "jobs").iterdir()}
    assert kept == (runtime == small_run.spec.runtime)
    assert len(trainings) == (0 if kept else len(jobs))
    mine = str(run / "study.yaml")
    run_study(load_study(mine), small_run.data, run, home)
    assert measured(said) == 0
    run_study(load_study(mine), small_run.data, run, home, retune=True)
    assert measured(said) == 1, "what the run holds is not asked for"
    run_study(load_study(mine, ["runtime.trunk=torch", "runtime.threads=2"]), small_run.data, run, home, retune=True)
    assert load_study(mine).runtime.threads == 2


@pytest.mark.usefixtures("predictions_only")
def test_a_run_stopped_on_its_way_to_other_models_shows_none_of_the_old(
    small_run: Any, run: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings are those of the new models, so the old must not be used or reported beside them."""

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    open_model(run)
    monkeypatch.setattr(work, "train_heads", stopped)
    other = changed(small_run.spec, "training.augment.brightness=0.1", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run_study(other, small_run.data, run, home, "local")
    with pytest.raises(RunError, match="expected the folder of a finished run"):
        open_model(run)
    with pytest.raises(RunError, match=r"predictions\.parquet"):
        read_results(RunFolder(run))

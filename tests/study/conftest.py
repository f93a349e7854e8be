"""Two tiny studies run once a session: both designs, both protocols; one network is the packaged one, one untrained."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.base.home import Home
from leukolab.engine import cached
from leukolab.results.folder import RunFolder
from leukolab.spec import StudySpec, load_study
from leukolab.study.run import run_study

SMALL = (
    "image.size_px=48",
    "training.batch_size=16",
    "protocol=both",
    "bootstrap=100",
    "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 12}",
)
WEN = (
    "model.weights=packaged",
    "training.learning_rates=[0.01, 0.001]",
    "training.augment.views=2",
    "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "protocols.published.split={kind: holdout_kfold, by: image, test: 0.2, folds: 2}",
    "readings.two_stage.stages.0.epochs=3",
    "readings.two_stage.stages.1.epochs=1",
)
SUBTYPES = (
    "model.backbone=test_efficientnet",
    "model.weights=none",
    "training.learning_rates=[0.003]",
    "protocols.corrected.split={kind: kfold, by: group, outer: 3, validation: 0.25}",
    "protocols.corrected.balance.per_class=14",
    "protocols.published.balance.per_class=22",
    "readings.frozen.stages.0.epochs=4",
    "readings.finetune.stages.0.epochs=1",
    "readings.finetune.outer_parts={published: [1], corrected: [2]}",
)


def wen_spec(*settings: str) -> StudySpec:
    return load_study("demo", [*SMALL, *WEN, *settings])


def subtypes_spec(*settings: str) -> StudySpec:
    return load_study("demo_subtypes", [*SMALL, *SUBTYPES, *settings])


@dataclass(frozen=True)
class Run:
    """A finished run and what it was made from."""

    folder: Path
    data: Path
    spec: StudySpec
    report: Path


@pytest.fixture(scope="session")
def wen_run(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Not to be changed. Its page is one word; `tests/cli` makes a whole one of this design."""
    folder, spec = tmp_path_factory.mktemp("runs") / "wen", wen_spec()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", one_word_report)
        return Run(folder, two_class, spec, run_study(spec, two_class, folder, home))


PARTS = (
    "model.backbone=test_efficientnet",
    "model.weights=none",
    "protocol=corrected",
    "readings.two_stage.stages.0.epochs=4",
    "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}",
)


def part_spec(*outers: int) -> StudySpec:
    return wen_spec(*PARTS, f"outer_parts={list(outers)}")


@dataclass(frozen=True)
class PartRuns:
    """The same study: outer part 1; parts 2 and 3, begun from the first run's settings; all of them in one folder."""

    first: Path
    others: Path
    whole: Path
    data: Path


@pytest.fixture(scope="session")
def part_runs(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> PartRuns:
    """Not to be changed. The whole one was begun with part 1 alone and went on with `outer_parts=[1, 2, 3]`."""
    folder = tmp_path_factory.mktemp("parts")
    runs = PartRuns(folder / "first", folder / "others", folder / "whole", two_class)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", one_word_report)
        run_study(part_spec(1), two_class, runs.first, home)
        run_study(load_study(str(runs.first / "study.yaml"), ["outer_parts=[2, 3]"]), two_class, runs.others, home)
        shutil.copytree(runs.first, runs.whole)
        run_study(part_spec(1, 2, 3), two_class, runs.whole, home)
    return runs


@pytest.fixture(scope="session")
def parts_run(part_runs: PartRuns) -> Run:
    """All outer parts of a study that mixes. Not to be changed."""
    return Run(part_runs.whole, part_runs.data, part_spec(1, 2, 3), part_runs.whole / "report" / "report.html")


@pytest.fixture(scope="session")
def subtypes_run(four_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Not to be changed."""
    folder, spec = tmp_path_factory.mktemp("runs") / "subtypes", subtypes_spec()
    return Run(folder, four_class, spec, run_study(spec, four_class, folder, home))


@pytest.fixture(scope="session")
def small_run(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four models of one protocol by a small network. Not to be changed; its page is one word."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    spec = wen_spec("protocol=corrected", "model.backbone=test_efficientnet", "model.weights=none")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.study.finish.write_report", one_word_report)
        return Run(folder, two_class, spec, run_study(spec, two_class, folder, home))


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[str, str]]:
    """Every file below a folder with its digest."""

    def take(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return take


@pytest.fixture(scope="session")
def learned() -> Callable[[Path], pd.DataFrame]:
    """Predictions of a run but for those that were mixed once it was scored."""

    def read(run: Path) -> pd.DataFrame:
        folder = RunFolder(run)
        trained = [*folder.jobs["job"], *(rival.member for rival in folder.rivals_record.members)]
        table = folder.predictions
        mine: pd.DataFrame = table[table["member"].isin(trained)].reset_index(drop=True)
        assert set(mine["member"]) == set(trained)
        return mine

    return read


def one_word_report(run: RunFolder, *_: object, **__: object) -> Path:
    """Instead of the page, for tests that look at what a run computes, not at what it shows."""
    run.page.parent.mkdir(exist_ok=True)
    run.page.write_text("report", encoding="utf-8")
    return run.page


@pytest.fixture
def quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one word."""
    monkeypatch.setattr("leukolab.study.finish.write_report", one_word_report)


@pytest.fixture
def predictions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither scores nor a page: a run ends with its predictions."""
    monkeypatch.setattr("leukolab.study.finish.finish", lambda run, *_: run.page)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the jobs that are trained from here on."""
    names: list[str] = []
    real = cached.train

    def counted(network: Any, training: Any, *given: Any) -> Any:
        names.append(training.name)
        return real(network, training, *given)

    monkeypatch.setattr(cached, "train", counted)
    return names

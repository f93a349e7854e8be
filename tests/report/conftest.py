"""The reports of small runs, written once a session, and copies of these runs to change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leukolab.report.page import write_report
from leukolab.results.folder import RunFolder
from pages import Reported, read_page
from small_runs import SmallRun, with_settings


@pytest.fixture(scope="session", autouse=True)
def _coarse_png() -> Iterator[None]:
    """PNG files of low resolution: quicker, and nothing looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 50)
        yield


def reported(run: SmallRun, folder: Path) -> Reported:
    """A run with its page, written outside the run."""
    path = write_report(run.folder, run.picture, out=folder)
    return Reported(run.folder, path, read_page(path))


@pytest.fixture(scope="session")
def mixing(mixing_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return reported(mixing_run, tmp_path_factory.mktemp("mixing"))


@pytest.fixture(scope="session")
def pooled(pooled_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return reported(pooled_run, tmp_path_factory.mktemp("pooled"))


@pytest.fixture(scope="session")
def reading(reading_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    return reported(reading_run, tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="session", params=["mixing", "pooled", "reading"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def each(kind: str, request: pytest.FixtureRequest) -> Reported:
    """The page of each kind of run."""
    return request.getfixturevalue(kind)  # type: ignore[no-any-return]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., RunFolder]:
    """A copy of a run to change; the report of it shows the headline and these sections alone, all where none."""

    def copy(run: SmallRun, *sections: str) -> RunFolder:
        folder = RunFolder(Path(shutil.copytree(run.folder.path, tmp_path / "run")))
        return with_settings(folder, {"report": {"sections": list(sections)}}) if sections else folder

    return copy

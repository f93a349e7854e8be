"""Small data sets drawn once a session, small finished runs of them, a home folder, the real images where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leukolab.base.home import Home
from leukolab.base.progress import Relay, shown
from leukolab.cards.draw import draw_data_set

if TYPE_CHECKING:
    from small_runs import SmallRun

SIZE_PX = 48


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home folder shared by the session; what is kept there is addressed by content."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def two_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 subjects with 3 cells each on black: `normal` and `all`. Not to be changed."""
    return draw_data_set(tmp_path_factory.mktemp("cells") / "two", "two_class", 20, 3, SIZE_PX, 7)


@pytest.fixture(scope="session")
def four_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 subjects with 3 cells each on a smear, four classes. Not to be changed."""
    return draw_data_set(tmp_path_factory.mktemp("cells") / "four", "four_class", 24, 3, SIZE_PX, 7)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real images."""
    named = os.environ.get("LEUKOLAB_DATA")
    if not named:
        pytest.skip("LEUKOLAB_DATA is not set; it names the folder of the real images")
    return Path(named)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Every line of news that the library tells during a test."""
    lines: list[str] = []
    with shown(Relay(lambda _, line: lines.append(line))):
        yield lines


@pytest.fixture(scope="session")
def mixing_run(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """Of a study that mixes: both protocols, one outer part each. Not to be changed."""
    from small_runs import mixing_spec, write_run

    return write_run(tmp_path_factory.mktemp("small") / "mixing", mixing_spec(), two_class, home)


@pytest.fixture(scope="session")
def ensemble_run(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run that offers an ensemble: its two folds err in turn, and only just, so their mixture errs nowhere."""
    import small_runs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_runs, "model_predictions", small_runs.erring_in_turn)
        spec = small_runs.mixing_spec("protocol=corrected")
        return small_runs.write_run(tmp_path_factory.mktemp("small") / "ensemble", spec, two_class, home)


@pytest.fixture(scope="session")
def pooled_run(two_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """The same with all outer parts, those of the corrected protocol pooled. Not to be changed."""
    from small_runs import mixing_spec, write_run

    spec = mixing_spec("outer_parts=null")
    return write_run(tmp_path_factory.mktemp("small") / "pooled", spec, two_class, home)


@pytest.fixture(scope="session")
def reading_run(four_class: Path, home: Home, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """Of a study that compares readings: both protocols, several splits each. Not to be changed."""
    from small_runs import reading_spec, write_run

    return write_run(tmp_path_factory.mktemp("small") / "reading", reading_spec(), four_class, home)

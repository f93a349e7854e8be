"""The small runs that tests of reports begin with hold what a run that was trained holds, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leukolab.results.folder import Document, RunFolder, Table
from small_runs import SmallRun

FILES = [what for what in vars(RunFolder).values() if isinstance(what, Table | Document)]


@pytest.fixture(scope="session", params=[("subtypes_run", "reading_run"), ("wen_run", "mixing_run")])
def both(request: pytest.FixtureRequest) -> tuple[RunFolder, SmallRun]:
    trained, drawn = (request.getfixturevalue(name) for name in request.param)
    return RunFolder(trained.folder), drawn


@pytest.mark.parametrize("what", FILES, ids=lambda what: what.file)
def test_drawn_runs_have_the_columns_and_keys_of_trained_ones(
    what: Table | Document[Any], both: tuple[RunFolder, SmallRun]
) -> None:
    trained, drawn = both[0], both[1].folder
    assert trained.has(what) == drawn.has(what)
    if not trained.has(what):
        return
    if isinstance(what, Table):
        ours, theirs = what.__get__(drawn, RunFolder), what.__get__(trained, RunFolder)
        assert dict(ours.dtypes.astype(str)) == dict(theirs.dtypes.astype(str))
    else:
        assert keys(json.loads(drawn.file(what).read_text())) == keys(json.loads(trained.file(what).read_text()))


def keys(value: Any) -> Any:
    """The keys of a JSON object and of the first of each list in it; of findings and mappings by name the top alone."""
    if isinstance(value, dict):
        open_ended = {
            "counts",
            "learning",
            "values",
            "protocols",
            "readings",
            "published",
            "run",
            "outcome",
            "specs",
            "stores",
        }
        return {name: {} if name in open_ended else keys(one) for name, one in value.items()}
    return [keys(one) for one in value[:1]] if isinstance(value, list) else None

"""The trials of a search in their database, without any training."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import Trial as OptunaTrial

from leukolab.base.errors import RunError
from leukolab.study.search.space import Dimension, Value
from leukolab.study.search.trials import SAMPLERS, Sampling, Trial, open_trials

SPACE = (Dimension("a", 0.0, 1.0), Dimension("b", 1e-5, 1e-2, log=True), Dimension("c", choices=(16, "x", None)))
TRIALS = 7


def sampling(sampler: str, seed: int = 7) -> Sampling:
    return Sampling(SPACE, sampler, start=3, seed=seed, higher=True)


def value(settings: dict[str, Value]) -> float | None:
    """Best at a = 0.3; training diverges above 0.9."""
    assert isinstance(settings["a"], float)
    return None if settings["a"] > 0.9 else 1 - (settings["a"] - 0.3) ** 2


def searched(path: Path, how: Sampling) -> list[Trial]:
    with open_trials(path, how) as trials:
        while len(trials.finished()) < TRIALS:
            trials.finish(value(trials.begin().settings))
        return trials.finished()


@pytest.fixture(scope="module", params=SAMPLERS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Trial]]:
    return request.param, searched(tmp_path_factory.mktemp("search") / "tune.db", sampling(request.param))


def killed_at(step: int) -> Callable[..., None]:
    """Stops the process, as it were, after `step` values of a trial are drawn."""

    real = OptunaTrial._suggest

    def die(trial: OptunaTrial, name: str, distribution: Any) -> Any:
        if name == SPACE[step].path:
            raise KeyboardInterrupt
        return real(trial, name, distribution)

    return die


def test_a_search_killed_anywhere_ends_as_an_undisturbed_one(
    undisturbed: tuple[str, list[Trial]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while values are drawn, and between a trial's begin and its end; early, and once the sampler learns."""
    name, expected = undisturbed
    path, how = tmp_path / "tune.db", sampling(name)
    for number, step in ((2, 0), (5, 1)):
        with open_trials(path, how) as trials, monkeypatch.context() as patch:
            while len(trials.finished()) < number - 1:
                trials.finish(value(trials.begin().settings))
            patch.setattr("optuna.trial.Trial._suggest", killed_at(step))
            with pytest.raises(KeyboardInterrupt):
                trials.begin()
        with open_trials(path, how) as trials:
            begun = trials.begin()
            assert (begun.number, begun.settings) == (number, expected[number - 1].settings)
    assert searched(path, how) == expected


def test_trials_differ_and_keep_to_their_ranges(undisturbed: tuple[str, list[Trial]]) -> None:
    _, trials = undisturbed
    assert [one.number for one in trials] == list(range(1, TRIALS + 1))
    assert len({str(one.settings) for one in trials}) > 3
    for one in trials:
        assert list(one.settings) == ["a", "b", "c"]
        assert isinstance(one.settings["b"], float)
        assert 1e-5 <= one.settings["b"] <= 1e-2
        assert one.settings["c"] in (16, "x", None)
        assert one.value == value(one.settings)


def test_the_samplers_learn_from_the_trials(undisturbed: tuple[str, list[Trial]], tmp_path: Path) -> None:
    """The same seed draws the same first trials; later ones depend on the values before."""
    name, expected = undisturbed
    with open_trials(tmp_path / "tune.db", sampling(name)) as trials:
        while len(trials.finished()) < TRIALS:
            found = value(trials.begin().settings)
            trials.finish(None if found is None else -found)
        turned = trials.finished()
    assert [one.settings for one in turned[:3]] == [one.settings for one in expected[:3]]
    assert [one.settings for one in turned] != [one.settings for one in expected]


def test_another_seed_draws_other_trials(undisturbed: tuple[str, list[Trial]], tmp_path: Path) -> None:
    name, expected = undisturbed
    with open_trials(tmp_path / "tune.db", sampling(name, seed=8)) as trials:
        assert trials.begin().settings != expected[0].settings


@pytest.mark.parametrize("what", ["text", "tables"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "tune.db"
    if what == "text":
        path.write_text("no database at all, and long enough to be seen as none" * 9)
    else:
        with closing(sqlite3.connect(path)) as other:
            other.execute("create table version_info (number int)")
            other.execute("insert into version_info values (5)")
            other.commit()
    with (
        pytest.raises(
            RunError, match=r"tune\.db: expected the trials of a search, got '.*'\. Choose another search fol"
        ),
        open_trials(path, sampling("tpe")),
    ):
        pass

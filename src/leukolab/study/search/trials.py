"""The trials of a search, in SQLite through Optuna. The only file that imports optuna.

A trial's values depend on the finished trials before it and on a seed of its own, not on how long the process has
lived: a search that was killed goes on as if nothing had happened.

Source: Akiba et al. 2019, doi 10.1145/3292500.3330701 (Optuna). `tpe`: Bergstra et al. 2011, "Algorithms for
hyper-parameter optimization", NeurIPS 24. `genetic`: Deb et al. 2002, doi 10.1109/4235.996017 (NSGA-II), which on one
objective is a genetic algorithm: the best of parents and children survive, children are uniform crossings of two
(Syswerda 1989), and on average one setting of a child is drawn anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukolab.base.errors import MissingExtraError, RunError
from leukolab.base.files import storage
from leukolab.base.streams import stream_seed
from leukolab.study.search.space import Dimension, Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SAMPLERS = ("tpe", "genetic")
NAME = "leukolab"
"""Of the search in its database."""


@dataclass(frozen=True)
class Sampling:
    """How values are drawn.

    Attributes:
        sampler: `tpe` or `genetic`.
        start: trials drawn at random before the sampler learns; of `genetic` the size of each generation too.
        higher: whether a higher value of a trial is better.
    """

    space: tuple[Dimension, ...]
    sampler: str
    start: int
    seed: int
    higher: bool


@dataclass(frozen=True)
class Trial:
    """A trial: its number, from 1, its settings by path, and once it is finished its value, None where it diverged."""

    number: int
    settings: dict[str, Value]
    value: float | None = None


class Trials:
    """The trials of one search, in order; one at a time is begun and finished."""

    def __init__(self, study: Study, sampling: Sampling) -> None:
        self._study = study
        self._sampling = sampling

    def finished(self) -> list[Trial]:
        """All finished trials."""
        return [self._trial(number, one) for number, one in enumerate(self._in_state("COMPLETE", "PRUNED"), start=1)]

    def begin(self) -> Trial:
        """The trial that was begun and not finished, else a new one."""
        number = len(self.finished()) + 1
        for one in self._in_state("RUNNING"):
            if len(one.params) < len(self._sampling.space):
                self._tell(one, "FAIL")  # the process was killed while it drew the values
        if not self._in_state("RUNNING"):
            self._study.sampler = _sampler(self._sampling, number)
            self._study.ask({one.path: _distribution(one) for one in self._sampling.space})
        return self._trial(number, self._in_state("RUNNING")[0])

    def finish(self, value: float | None) -> None:
        """Note the value of the trial that was begun; None where training diverged."""
        [one] = self._in_state("RUNNING")
        self._tell(one, "PRUNED" if value is None else "COMPLETE", value)

    def _in_state(self, *names: str) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=[TrialState[name] for name in names])

    def _tell(self, one: FrozenTrial, state: str, value: float | None = None) -> None:
        from optuna.trial import TrialState

        self._study.tell(one.number, value, TrialState[state])

    def _trial(self, number: int, one: FrozenTrial) -> Trial:
        return Trial(number, {place.path: one.params[place.path] for place in self._sampling.space}, one.value)


def check() -> None:
    """Whether Optuna is there.

    Raises:
        MissingExtraError: it is not.
    """
    _load()


@contextlib.contextmanager
def open_trials(path: Path, sampling: Sampling) -> Iterator[Trials]:
    """The trials in the SQLite file at `path`, made where it is not there.

    Raises:
        MissingExtraError: Optuna is not installed.
        RunError: the file holds something else.
        StorageError: it may not be written.
    """
    optuna = _load()
    from sqlalchemy.exc import SQLAlchemyError

    with storage(path.parent):
        path.touch()
    try:
        database = optuna.storages.RDBStorage(f"sqlite:///{path.absolute().as_posix()}")
        direction = "maximize" if sampling.higher else "minimize"
        study = optuna.create_study(
            storage=database, study_name=NAME, direction=direction, load_if_exists=True, sampler=_sampler(sampling, 1)
        )
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise RunError(
            f"{path}: expected the trials of a search, got '{reason}'. Choose another search folder.",
            settings=("search folder",),
        ) from error
    try:
        yield Trials(study, sampling)
    finally:
        database.remove_session()
        database.engine.dispose()


def _load() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"a search needs {error.name}: install it with 'pip install \"leukolab[tune]\"'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # each trial is told of by the search itself
    return optuna


def _sampler(sampling: Sampling, number: int) -> BaseSampler:
    """A sampler for this trial alone; what it has to know of the others is in the database."""
    from optuna.samplers import NSGAIISampler, TPESampler

    seed = stream_seed(sampling.seed, "search", number) % 2**32
    if sampling.sampler == "genetic":
        return NSGAIISampler(population_size=sampling.start, seed=seed)
    return TPESampler(n_startup_trials=sampling.start, seed=seed)


def _distribution(one: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)

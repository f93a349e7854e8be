"""`leukolab study tune`: search the best values of a study's settings."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.home import Home
from leukolab.base.imports import large_imports
from leukolab.cli.help import OUTPUT, SEARCH, command, option
from leukolab.cli.reading import say_read
from leukolab.cli.say import say
from leukolab.cli.settings import chosen_study, data_folder, study_settings, where_jobs_run
from leukolab.cli.values import Known, OneOf, studies
from leukolab.report.texts import load_texts

SAMPLERS = ("tpe", "genetic")
"""Those of `study.search.trials`."""
METRICS = tuple(key.removeprefix("metrics.") for key in load_texts().entries if key.startswith("metrics."))
"""Those of `stats`, each of which has its label."""


@command()
@click.argument("name", type=Known("study", studies), metavar="NAME")
@data_folder
@option(
    "--search", "searched", multiple=True, required=True, metavar="KEY=VALUES", section=SEARCH, setting="search",
    help="A setting and its values: LOW..HIGH, log:LOW..HIGH or A,B,C; may be repeated.",
)  # fmt: skip
@option(
    "--sampler", type=OneOf(SAMPLERS), default=SAMPLERS[0], show_default=True, section=SEARCH,
    help="Bayesian (Tree-structured Parzen Estimator) or a genetic algorithm, both Optuna's.",
)  # fmt: skip
@option(
    "--trials", type=click.IntRange(1, 100_000), default=20, show_default=True, section=SEARCH, setting="trials",
    help="Trials in all.",
)  # fmt: skip
@option(
    "--start", type=click.IntRange(2, 10_000), default=8, show_default=True, section=SEARCH,
    help="Trials drawn at random before the sampler learns; of genetic, the size of a generation too.",
)  # fmt: skip
@option(
    "--metric", type=OneOf(METRICS), default="balanced_accuracy", show_default=True, section=SEARCH,
    setting="metric", help="What counts, as the mean over validation folds.",
)  # fmt: skip
@option(
    "--out", type=click.Path(path_type=Path, file_okay=False), section=OUTPUT, setting="search folder",
    help="Folder of the search. [default: leukolab-runs/NAME-CARD-tune]",
)  # fmt: skip
@study_settings
@where_jobs_run
@click.pass_obj
def tune(
    home: Home, /, name: str, data: Path, searched: tuple[str, ...], sampler: str, trials: int, start: int, metric: str,
    out: Path | None, on: str, **given: object,
) -> None:  # fmt: skip
    """Search the best values of settings of the study NAME (or of a YAML file), on validation folds only.

    The tuning and test parts stay unseen. The same command goes on where it stopped.
    """
    from leukolab.study.search.space import read_space
    from leukolab.study.search.trials import check

    check()
    spec = chosen_study(name, **given)  # type: ignore[arg-type]
    space = read_space(searched, spec)
    with large_imports():
        from leukolab.study.search.tune import Search, tune_study

    say_read(spec.data, data, load_texts())
    folder = out or Path("leukolab-runs") / f"{spec.name}-{spec.data.card}-tune"
    command = tune_study(spec, Search(space, sampler, trials, start, metric), data, folder, home, on)
    say(f"trials: {folder / 'trials.csv'}")
    say(f"run the study with the best settings: {command}")

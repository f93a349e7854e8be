"""Options shared by the commands that train: the settings of a study, and where its jobs run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from leukolab.cli.cache import cache_size

if TYPE_CHECKING:
    from leukolab.spec import StudySpec

Command = Callable[..., Any]

_OPTIONS = (
    click.option("--protocol", help="published, corrected or both."),
    click.option("--card", help="Data card, where it is not the study's own; see 'leukolab data list'."),
    click.option(
        "--subject-from", help="Card folder: a pattern whose first group is the subject, searched in the path."
    ),
    click.option("--backbone", help="A timm name, such as tf_efficientnet_lite0."),
    click.option("--weights", help="auto, hub, packaged, file:PATH or none."),
    click.option("--image-size", type=int, help="Edge of the square the network sees, in pixels."),
    click.option("--epochs", help="One number for all stages, or one a stage: 3+2."),
    click.option(
        "--reading", "readings", multiple=True, help="Run only this reading of the training; may be repeated."
    ),
    click.option("--outer-parts", help="Outer parts to run: 1,2,3 or all."),
    click.option("--seed", type=int, help="Seed of everything random."),
    cache_size,
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting: training.batch_size=64."),
)


def study_settings(command: Command) -> Command:
    """Give a command the options that `chosen_study` takes, and `--cache-size`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_study(name: str, card: str | None = None, **given: object) -> StudySpec:
    """The study `name` with the options of `study_settings` applied.

    Raises:
        DataError: no card has this name.
        SpecError: an option or setting may not be.
    """
    from leukolab.spec import load_study
    from leukolab.spec.overrides import Overrides, resolve

    if card is not None:
        from leukolab.cards import data_on

        given["data"] = data_on(card, load_study(name))
    return resolve(name, Overrides(**given))  # type: ignore[arg-type]


where_jobs_run = click.option(
    "--on", default="auto", show_default=True, metavar="WHERE",
    help="Where jobs run: auto (here, in as many processes as suit the study), local, local:N (N processes), ray, ray://ADDRESS.",
)  # fmt: skip

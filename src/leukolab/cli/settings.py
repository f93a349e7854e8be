"""Options shared by commands: the settings of a study, where its jobs run, and the language of what is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from leukolab.cli.cache import cache_size
from leukolab.cli.flags import ANY
from leukolab.cli.help import DATA, OUTPUT, TRAINING, WHERE, option
from leukolab.cli.values import (
    SEED,
    Column,
    Epochs,
    Known,
    OneOf,
    OuterParts,
    Place,
    Setting,
    methods,
    protocols,
    readings,
)
from leukolab.report.texts import languages

if TYPE_CHECKING:
    from leukolab.spec import DataSpec, StudySpec

F = TypeVar("F", bound=Callable[..., Any])

_READING = (
    option(
        "--positive", multiple=True, metavar="CLASS", section=DATA, setting="data.positive",
        help="The class that is the disease; of more than two classes each of them. Else the card or the names say it.",
    ),
    option(
        "--subject-from", metavar="PATTERN", section=DATA, setting="data.subject_from",
        help="Card folder: a regular expression whose first group is the subject, searched in the path.",
    ),
    option(
        "--part-from", metavar="PATTERN", section=DATA, setting="data.part_from",
        help="Card folder: a regular expression whose first group is the part, such as train or test.",
    ),
    option(
        "--include", multiple=True, metavar="PATTERN", section=DATA, setting="data.include",
        help="Card folder: only images whose path, folder or file fits, such as 'Original'; may be repeated.",
    ),
    option(
        "--exclude", multiple=True, metavar="PATTERN", section=DATA, setting="data.exclude",
        help="Card folder: no image whose path, folder or file fits, such as '*_mask.*'; may be repeated.",
    ),
    option(
        "--column", "columns", type=Column(), multiple=True, metavar="NAME=COLUMN", section=DATA,
        setting="data.columns",
        help="Card folder: how the table calls path, label, subject or part: label=class; may be repeated.",
    ),
)  # fmt: skip
_OPTIONS = (
    option(
        "--card", section=DATA, setting="data.card",
        help="Data card, where it is not the study's own; see 'leukolab data list'.",
    ),
    *_READING,
    option(
        "--protocol", type=Known("protocol", protocols), section=TRAINING, setting="protocol",
        help="How the data are cut: a protocol of the study, or both.",
    ),
    option(
        "--reading", "readings", type=Known("reading", readings), multiple=True, section=TRAINING, setting="readings",
        help="Run only this reading of the training; may be repeated.",
    ),
    option(
        "--method", "methods", type=Known("method", methods), multiple=True, section=TRAINING, setting="methods",
        help="Run this method in place of the study's own: a name or a YAML file; may be repeated.",
    ),
    option(
        "--outer-parts", type=OuterParts(), metavar="PARTS", section=TRAINING, setting="outer_parts",
        help="Outer parts to run: 1,2,3 or all.",
    ),
    option(
        "--backbone", section=TRAINING, setting="model.backbone", help="A timm name, such as tf_efficientnet_lite0.",
    ),
    option(
        "--weights", section=TRAINING, setting="model.weights", help="auto, hub, packaged, file:PATH or none.",
    ),
    option(
        "--image-size", type=click.IntRange(16, 2048), section=TRAINING, setting="image.size_px",
        help="Edge of the square the network sees, in pixels.",
    ),
    option(
        "--epochs", type=Epochs(), metavar="N[+N]", section=TRAINING, setting="epochs",
        help="One number for all stages, or one for each stage: 3+2.",
    ),
    option("--seed", type=SEED, section=TRAINING, setting="seed", help="Seed of everything random."),
    option(
        "--set", "settings", type=Setting(), multiple=True, metavar="KEY=VALUE", section=TRAINING, setting=ANY,
        help="Any setting: training.batch_size=64; 'leukolab study show NAME' lists them.",
    ),
    cache_size,
)  # fmt: skip


def reading_settings(command: F) -> F:
    """Give a command the options that `chosen_data` takes."""
    for one in reversed(_READING):
        command = one(command)
    return command


def chosen_data(card: str, **given: Any) -> DataSpec:
    """Images of `card`, read by the options of `reading_settings`."""
    from leukolab.spec import DataSpec

    kept = {"columns": dict(given["columns"]), "positive": given["positive"] or None}
    return DataSpec(card=card, **given | kept)


def study_settings(command: F) -> F:
    """Give a command the options that `chosen_study` takes, and `--cache-size`."""
    for one in reversed(_OPTIONS):
        command = one(command)
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


data_folder = option(
    "--data", required=True, type=Place(), section=DATA, setting="data folder",
    help="Folder of images.",
)  # fmt: skip
where_jobs_run = option(
    "--on", default="auto", show_default=True, metavar="WHERE", section=WHERE, setting="on",
    help="Where jobs run: auto (here, in as many processes as suit the study), local, local:N (N processes), "
    "ray, ray://ADDRESS (Ray needs leukolab[ray]).",
)  # fmt: skip
language = option(
    "--language", type=OneOf(languages()), default="en", show_default=True, envvar="LEUKOLAB_LANGUAGE",
    show_envvar=True, section=OUTPUT, help="Language of reports and of sentences.",
)  # fmt: skip

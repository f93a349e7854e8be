"""`leukolab data`: list, show, verify, explore and draw data sets."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.home import Home
from leukolab.cli.help import OUTPUT, command, option
from leukolab.cli.reading import say_read
from leukolab.cli.say import say
from leukolab.cli.settings import chosen_data, language, reading_settings
from leukolab.cli.values import SEED, OneOf, Place
from leukolab.report.texts import load_texts

Root = Place()
LAYOUTS = ("two_class", "four_class")
"""Those of `cards.draw`."""


@command("list")
def list_cards() -> None:
    """List the data sets the program knows."""
    from leukolab.cards import card_names, get_card

    for name in card_names():
        say(f"{name:14} {get_card(name).title}")


@command()
@click.argument("name")
@click.argument("root", type=Root, required=False)
@reading_settings
@language
def show(name: str, root: Path | None, language: str, **reading: object) -> None:
    """Print the card of the data set NAME: what it is, its counts, licence and oddities.

    With ROOT also what is read there: classes, which of them is the disease, subjects, parts, files left out.
    """
    from leukolab.cards import card_lines, get_card

    for line in card_lines(get_card(name)):
        say(line)
    if root is not None:
        say_read(chosen_data(name, **reading), root, load_texts(language))


@command()
@click.argument("name")
@click.argument("root", type=Root)
@reading_settings
@language
def verify(name: str, root: Path, language: str, **reading: object) -> None:
    """Compare the data set in ROOT with its card NAME; exit code 1 where a file is altered, extra or unreadable."""
    from leukolab.cards import verify as check
    from leukolab.cards import verify_lines

    texts = load_texts(language)
    spec = chosen_data(name, **reading)
    said = say_read(spec, root, texts)
    result = check(spec, root)
    for line in verify_lines(result):
        say(line)
    for finding in (one for one in result.findings if one not in said):
        say(texts.finding(finding))
    raise SystemExit(0 if result.sound else 1)


@command()
@click.argument("name")
@click.argument("root", type=Root)
@reading_settings
@option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("explore.html"),
    show_default=True,
    section=OUTPUT,
    help="The page.",
)
@language  # fmt: skip
@click.pass_obj
def explore(home: Home, /, name: str, root: Path, out: Path, language: str, **reading: object) -> None:
    """Write the exploratory analysis of the data set in ROOT as one HTML page."""
    from leukolab.study.look import explore_data

    texts = load_texts(language)
    spec = chosen_data(name, **reading)
    say_read(spec, root, texts)
    say(texts("terminal.page", path=explore_data(spec, root, out, home, language)))


@command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@option("--layout", type=OneOf(LAYOUTS), default=LAYOUTS[0], show_default=True, help="Classes.")
@option("--subjects", type=click.IntRange(2, 999), default=24, show_default=True, help="Persons.")
@option("--images", type=click.IntRange(1, 9999), default=20, show_default=True, help="Images per subject.")
@option("--size", type=click.IntRange(32, 1024), default=224, show_default=True, help="Edge in pixels.")
@option("--seed", type=SEED, default=7, show_default=True, help="Seed of every cell.")
@option("--leak", type=click.FloatRange(0, 3), default=1.0, show_default=True, help="Strength of a subject's look.")
def draw(out: Path, layout: str, subjects: int, images: int, size: int, seed: int, leak: float) -> None:
    """Draw synthetic single-cell images with known truth into the folder OUT."""
    from leukolab.cards.draw import draw_data_set
    from leukolab.images.phantom_spec import PhantomSpec

    drawn = draw_data_set(out, layout, subjects, images, size, seed, PhantomSpec(leak_strength=leak))
    say(f"synthetic images: {drawn}")

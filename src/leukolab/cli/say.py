"""The one place that prints: a name from a file or a label cannot steer the terminal."""

from __future__ import annotations

import sys

import click

from leukolab.base.signs import shown

LONGEST = 2000
"""Letters of a sentence about an error."""


def say(line: str, err: bool = False) -> None:
    """Print one line; signs that a terminal would obey, and line breaks, are written out."""
    click.echo(shown(line).replace("\n", "\\n"), err=err)


def say_lines(text: str) -> None:
    """Print several lines; of each the signs that a terminal would obey are written out."""
    click.echo(shown(text))


def say_data(text: str) -> None:
    """Print a table or a file for other programs: as it is, but to a terminal as `say` does."""
    watched = sys.stdout is not None and sys.stdout.isatty()
    click.echo(shown(text) if watched else text, nl=False, color=True)  # else click takes codes out of names


def say_error(sentence: object) -> None:
    """Print what went wrong as one line on standard error, a very long one without its middle."""
    line = f"leukolab: {str(sentence).strip()}".replace("\r", " ").replace("\n", " ")
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    say(line, err=True)

"""What was read, told before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from leukolab.report.texts import Texts

if TYPE_CHECKING:
    from leukolab.spec import DataSpec


def say_read(spec: DataSpec, data: Path, texts: Texts) -> None:
    """Print the classes, which of them is the disease, subjects and parts.

    Raises:
        LeukolabError: the images cannot be read so.
    """
    from leukolab.cards import class_names, classes_of, get_card, read_index, summary

    index = read_index(spec, data)
    classes = classes_of(class_names(index), spec, get_card(spec.card))
    for number, finding in enumerate(summary(index, classes)):
        click.echo(f"{'  ' if number else ''}{texts.finding(finding)}")

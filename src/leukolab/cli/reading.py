"""What was read, told before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leukolab.cli.say import say
from leukolab.report.texts import Texts

if TYPE_CHECKING:
    from leukolab.base.findings import Finding
    from leukolab.spec import DataSpec


def say_read(spec: DataSpec, data: Path, texts: Texts) -> tuple[Finding, ...]:
    """Print the classes, which of them are the disease, subjects, parts, and what was left out.

    Returns:
        What was printed.

    Raises:
        LeukolabError: the images cannot be read so.
    """
    from leukolab.cards import told

    found = told(spec, data)
    for number, finding in enumerate(found):
        say(f"{'  ' if number else ''}{texts.finding(finding)}")
    return found

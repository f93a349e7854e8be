"""`leukolab data audit`: who is one person, what contradicts, and the exit code that tells machines so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leukolab.base.home import Home
from leukolab.cli.help import DATA, OUTPUT, command, option
from leukolab.cli.say import say
from leukolab.cli.settings import chosen_data, language, reading_settings
from leukolab.cli.values import Place
from leukolab.report.texts import Texts, load_texts

if TYPE_CHECKING:
    from leukolab.study.audit import Audit

FOUND = 3
"""Exit code where a person should look at something; 0 where nothing was found, 2 for bad input as ever."""


@command()
@click.argument("name")
@click.argument("root", type=Place())
@reading_settings
@option(
    "--accept",
    type=click.Path(path_type=Path, dir_okay=False),
    section=DATA,
    setting="data.accept",
    help="A CSV with image_id, other_id and verdict (same, different), as the page saves it.",
)
@option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("audit"),
    show_default=True,
    section=OUTPUT,
    help="Folder for the page, groups, findings and pairs.",
)
@language  # fmt: skip
@click.pass_obj
def audit(
    home: Home, /, name: str, root: Path, accept: Path | None, out: Path, language: str, **reading: object
) -> None:
    """Find images of one person in ROOT, read as card NAME says; labels, folds and files that contradict.

    Exit code 0 where nothing needs a look, 3 where something does, 2 for bad input.
    """
    from leukolab.study.audit import audit_data

    spec = chosen_data(name, accept=None if accept is None else str(accept), **reading)
    found = audit_data(spec, root, home, out, language)
    for line in _lines(found, out, load_texts(language)):
        say(line)
    raise SystemExit(0 if found.clean else FOUND)


def _lines(found: Audit, out: Path, texts: Texts) -> Iterator[str]:
    """What was found in numbers: names of subjects stand on the page and in the files only."""
    from leukolab.report.audit import kind_counts
    from leukolab.splits import DOUBTFUL
    from leukolab.study.audit import FINDINGS, GROUPS, PAGE

    taken = found.pairs[found.pairs["verdict"] != DOUBTFUL]
    counts = kind_counts(taken, found.searched).items()
    kinds = ", ".join(texts("terminal.kind_count", kind=kind, count=count) for kind, count in counts)
    yield texts("terminal.audited", images=len(found.index), groups=found.groups["group"].nunique(), kinds=kinds)
    for finding in found.findings:
        yield f"{texts.name('severities', finding.severity)}: {texts.finding(finding)}"
    yield texts("terminal.groups", path=out / GROUPS)
    yield texts("terminal.findings", path=out / FINDINGS)
    yield texts("terminal.page", path=out / PAGE)

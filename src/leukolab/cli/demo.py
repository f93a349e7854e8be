"""`leukolab demo`: both studies at small size on synthetic cells."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.home import Home
from leukolab.base.imports import large_imports
from leukolab.base.shell import pasted
from leukolab.cli.cache import cache_size
from leukolab.cli.help import OUTPUT, command, option
from leukolab.cli.say import say
from leukolab.cli.settings import language
from leukolab.report.texts import load_texts


@command()
@option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    section=OUTPUT,
    help="Folder of the images drawn, and of both runs.",
)
@cache_size
@language
@click.pass_obj
def demo(home: Home, out: Path, language: str) -> None:
    """Run both studies at small size on synthetic cells, and say where the reports are."""
    import sys

    with large_imports():
        from leukolab.study.demo import run_demo

    subtypes, wen, example = run_demo(out, home, language)
    texts = load_texts(language)
    again = pasted([sys.executable, "-m", "leukolab", "predict", str(example), "--run", str(out / "wen")])
    say(texts("terminal.demo_classify", command=again))
    say(texts("terminal.demo_subtypes", path=subtypes.resolve()))
    say(texts("terminal.demo_wen", path=wen.resolve()))

"""`leukolab predict`: classify images with the model a study chose."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.imports import large_imports
from leukolab.cli.help import command, option
from leukolab.cli.say import say, say_data
from leukolab.cli.settings import language
from leukolab.cli.values import Place
from leukolab.report.texts import load_texts


@command()
@click.argument("images", nargs=-1, required=True, type=Place())
@option(
    "--run",
    "run_folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    setting="run folder",
    help="Run folder.",
)
@option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file; printed where not given.")
@language
def predict(images: tuple[Path, ...], run_folder: Path, out: Path | None, language: str) -> None:
    """Classify IMAGES (files or folders) with the model that the run chose.

    Where none of them can be read, nothing is written and the exit code is 2. Research use only: not for diagnosis.
    """
    from leukolab.base.csv_text import csv_text
    from leukolab.base.errors import ImageError
    from leukolab.base.outputs import check_output, output
    from leukolab.cards.summary import decided
    from leukolab.images import IMAGE_SUFFIXES
    from leukolab.results.folder import RunFolder

    with large_imports():
        from leukolab.study.predict import find_images, open_model, predict_images

    texts = load_texts(language)
    paths = find_images(images)
    if out is not None:
        check_output(out, [*paths, *RunFolder(run_folder).files()], IMAGE_SUFFIXES)
    model = open_model(run_folder)
    table, unreadable = predict_images(model, paths)
    say(texts("terminal.research"), err=True)
    for sentence in unreadable:
        say(texts("terminal.set_aside", sentence=sentence), err=True)
    if table.empty:
        nothing = f"; {out} is not written" if out is not None else ""
        raise ImageError(f"images: expected at least one that can be read, found none among {len(paths):,}{nothing}.")
    say(texts.finding(decided(model.classes)), err=True)
    text = csv_text(table)
    if out is None:
        say_data(text)
    else:
        with output(out) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        say(texts("terminal.classified", count=len(table), aside=len(unreadable), path=out))

"""`leukolab predict`: classify images with the model a study chose."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.imports import large_imports
from leukolab.cli.help import command, option
from leukolab.cli.settings import language
from leukolab.report.texts import load_texts


@command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
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
    from leukolab.base.errors import ImageError
    from leukolab.base.files import write_text
    from leukolab.cards.summary import decided

    with large_imports():
        from leukolab.study.predict import find_images, open_model, predict_images

    texts = load_texts(language)
    paths = find_images(images)
    model = open_model(run_folder)
    table, unreadable = predict_images(model, paths)
    click.echo(texts("terminal.research"), err=True)
    for sentence in unreadable:
        click.echo(texts("terminal.set_aside", sentence=sentence), err=True)
    if table.empty:
        nothing = f"; {out} is not written" if out is not None else ""
        raise ImageError(f"images: expected at least one that can be read, found none among {len(paths):,}{nothing}.")
    click.echo(texts.finding(decided(model.classes)), err=True)
    text = table.to_csv(index=False, lineterminator="\n")
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(texts("terminal.classified", count=len(table), aside=len(unreadable), path=out))

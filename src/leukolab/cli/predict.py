"""`leukolab predict`: classify images with the model a study chose."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.base.imports import large_imports
from leukolab.cli.help import command, option


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
def predict(images: tuple[Path, ...], run_folder: Path, out: Path | None) -> None:
    """Classify IMAGES (files or folders) with the model that the run chose.

    Research use only: not for diagnosis.
    """
    from leukolab.base.files import write_text

    with large_imports():
        from leukolab.study.predict import find_images, open_model, predict_images

    paths = find_images(images)
    table, unreadable = predict_images(open_model(run_folder), paths)
    click.echo("Research use only: not for diagnosis.", err=True)
    for sentence in unreadable:
        click.echo(f"set aside: {sentence}", err=True)
    text = table.to_csv(index=False, lineterminator="\n")
    if out is None:
        click.echo(text, nl=False)
    else:
        write_text(out, text)
        click.echo(f"{len(table):,} images classified, {len(unreadable):,} set aside: {out}")
    raise SystemExit(2 if unreadable and table.empty else 0)

"""`leukolab score`: evaluate predictions made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from leukolab.cli.help import command, option


@command()
@click.argument("file", type=click.Path(path_type=Path))
@option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables as CSV.")
@option("--bootstrap", type=click.IntRange(100), default=2000, show_default=True, help="Replicates of each interval.")
@option("--seed", type=int, default=2019, show_default=True, help="Seed of the replicates.")
def score(file: Path, out: Path | None, bootstrap: int, seed: int) -> None:
    """Score the predictions in FILE (CSV or Parquet): columns label, p_<class> for each class, perhaps subject."""
    from leukolab.results.evaluation import evaluate, write_evaluation

    found = evaluate(file, bootstrap, seed)
    for metric, unit, value, low, high in found.rows():
        interval = f"{low:.3f} to {high:.3f}" if low == low else ""
        click.echo(f"{metric:18} by {unit:8} {value:.4f}  {interval}")
    click.echo(f"95 % intervals: {found.scores['method'].iloc[0]}")
    if not found.subjects_known:
        click.echo("No subject column: images of one patient look alike, so these intervals are too narrow.")
    if found.absent:
        click.echo(
            f"No image of {', '.join(found.absent)}: balanced accuracy is the recall of the classes that are there."
        )
    click.echo(found.confusion.to_string(index=False))
    if out is not None:
        write_evaluation(found, out)
        click.echo(f"tables: {out}")

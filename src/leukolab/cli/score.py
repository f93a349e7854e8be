"""`leukolab score`: evaluate predictions made elsewhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leukolab.base.outputs import check_output
from leukolab.cli.help import command, option
from leukolab.cli.say import say, say_lines
from leukolab.cli.settings import language
from leukolab.cli.values import SEED
from leukolab.report.texts import Texts, load_texts

if TYPE_CHECKING:
    from leukolab.study.evaluation import Evaluation
    from leukolab.study.pick import Pick


@command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE [FILE]...")
@option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables as CSV.")
@option(
    "--bootstrap",
    type=click.IntRange(100, 100_000),
    default=2000,
    show_default=True,
    help="Replicates of each interval.",
)
@option("--seed", type=SEED, default=2019, show_default=True, help="Seed of the replicates.")
@option(
    "--positive", multiple=True, metavar="CLASS", setting="data.positive",
    help="The class that is the disease; else the names say it.",
)  # fmt: skip
@option("--member", metavar="NAME", setting="member", help="Of a table of several models, whose predictions.")
@option("--role", metavar="PART", setting="role", help="Of a table of several parts, on which one: test, tuning, ...")
@language
def score(
    files: tuple[Path, ...], out: Path | None, bootstrap: int, seed: int, positive: tuple[str, ...], language: str,
    **rows: str | None,
) -> None:  # fmt: skip
    """Score the predictions in FILE (CSV or Parquet): columns label, p_<class> for each class, perhaps subject.

    A label is a class name, its number from 0 or a called class, in any case; decimal commas are read. Several FILEs of
    the same images are compared: differences by subject, intervals, tests; matched by image_id, else by order. Of a
    run's predictions.parquet those of the model it offers are scored, on its test images.
    """
    from leukolab.study.pick import Pick

    pick = Pick(**rows)
    if len(files) > 1:
        _compare(files, out, seed, positive, language, pick)
        return
    (file,) = files
    from leukolab.study.evaluation import TABLES, evaluate_file, write_evaluation

    texts = load_texts(language)
    if out is not None:
        for name in TABLES:
            check_output(out / f"{name}.csv", files)
    found = evaluate_file(file, bootstrap, seed, positive, pick)
    _say_classes(found, texts)
    for metric, unit, value, low, high in found.rows():
        interval = texts("terminal.range", low=low, high=high) if low == low else ""
        name, by = texts.name("metrics", metric), texts.name("units", unit)
        say(f"{name:18} {by:11} {texts.number(value, '.4f')}  {interval}".rstrip())
    words = partial(texts.findings, between="; ")
    say(texts("terminal.intervals", method=words(found.scores["interval"].iloc[-1])))
    if not found.subjects_known:
        say(texts("terminal.no_subjects"))
    if found.exchanged is not None:
        say(texts("terminal.exchanged", auc=found.exchanged))
    if found.absent:
        say(texts("terminal.absent", classes=found.absent))
    say_lines(found.confusion.rename(columns={"actual": texts("terminal.actual")}).to_string(index=False))
    if out is not None:
        write_evaluation(found, out, words)
        say(texts("terminal.tables", path=out))


def _compare(
    files: tuple[Path, ...], out: Path | None, seed: int, positive: tuple[str, ...], language: str, pick: Pick
) -> None:
    from leukolab.report.compare import lines, write_page
    from leukolab.results.folder import RunFolder
    from leukolab.study.compare_files import compare_files

    for path in [] if out is None else out.glob(f"{RunFolder.TABLES}/*.csv"):
        check_output(path, files)
    found, texts = compare_files(files, positive, seed, pick), load_texts(language)
    for line in lines(found, texts):
        say(line)
    if out is not None:
        say(texts("terminal.page", path=write_page(found, out, language)))


def _say_classes(found: Evaluation, texts: Texts) -> None:
    """Which label and column belong to which class, and which class is the disease."""
    from leukolab.cards.summary import decided

    for one in found.meant:
        values = {
            "name": one.class_name,
            "labels": list(one.labels) or None,
            "column": one.column,
            "images": one.images,
        }
        say(texts("terminal.meant", **values))
    if found.classes is not None and (found.classes.positive or len(found.meant) == 2):
        say(texts.finding(decided(found.classes)))
    for finding in found.findings:
        say(texts.finding(finding))

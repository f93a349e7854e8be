"""`leukolab study`: run a study, see what it would cost and how far it is, redo its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from leukolab.base.home import Home
from leukolab.base.imports import large_imports
from leukolab.base.shell import pasted
from leukolab.cli.help import DATA, OUTPUT, TRAINING, WHERE, command, option
from leukolab.cli.reading import say_read
from leukolab.cli.say import say, say_lines
from leukolab.cli.settings import chosen_study, data_folder, language, study_settings, where_jobs_run
from leukolab.cli.values import SEED, Known, OuterParts, Place, studies
from leukolab.report.texts import Texts, load_texts

if TYPE_CHECKING:
    from leukolab.study.estimate import Estimate

Folder = click.Path(path_type=Path, file_okay=False)
CHANGES = "colour", "size", "stain", "focus", "brightness"
"""What `images.shifts` can change, without the weight of importing it."""
TARGETS = "mlflow (a file in the home folder), mlflow:http://HOST:PORT or mlflow:sqlite:///FILE"


@command("list")
@language
def list_studies(language: str) -> None:
    """List the studies that come with the program."""
    from leukolab.spec import load_study, study_names

    for name in study_names():
        say(f"{name:16} {load_study(name).words(language).title}")


@command()
@click.argument("name", type=Known("study", studies), metavar="NAME")
def show(name: str) -> None:
    """Print the settings of the study NAME (or of a YAML file); each can be set with --set."""
    from leukolab.spec import load_study
    from leukolab.spec.yaml_text import study_yaml

    say_lines(study_yaml(load_study(name)))


@command()
@click.argument("name", type=Known("study", studies), metavar="NAME")
@data_folder
@option(
    "--out", type=Folder, section=OUTPUT, setting="run folder", help="Run folder. [default: leukolab-runs/NAME-CARD]"
)
@option("--dry-run", is_flag=True, section=WHERE, help="Jobs, hours and disk, before anything is spent.")
@study_settings
@where_jobs_run
@option(
    "--retune",
    is_flag=True,
    section=WHERE,
    setting="retune",
    help="Measure the runtime anew; models of another runtime are trained again.",
)
@option("--track", "target", metavar="TARGET", section=OUTPUT, help=f"Mirror the finished run into MLflow: {TARGETS}.")
@language
@click.pass_obj
def run(
    home: Home, /, name: str, data: Path, out: Path | None, dry_run: bool, target: str | None, language: str,
    **given: object,
) -> None:  # fmt: skip
    """Run the study NAME (or of a YAML file) on a folder of images, from the pixels to the report.

    The same command goes on where it stopped; 'study status' tells how far it is.
    """
    on, retune = str(given.pop("on")), bool(given.pop("retune"))
    spec = chosen_study(name, **given)  # type: ignore[arg-type]
    folder = out or Path("leukolab-runs") / f"{spec.name}-{spec.data.card}"
    if target is not None:
        from leukolab.study.tracking.mirror import check

        check(target, home)
    with large_imports():
        from leukolab.study.estimate import plan_study
        from leukolab.study.run import run_study

    say_read(spec.data, data, load_texts(language))
    if dry_run:
        for line in _expected(plan_study(spec, data, folder, home, on, retune), load_texts(language)):
            say(line)
        return
    _say_done(run_study(spec, data, folder, home, on, retune, language), folder, load_texts(language))
    if target is not None:
        _track(folder, target, home, load_texts(language))


@command()
@click.argument("folder", type=Folder)
@option("--to", "target", default="mlflow", show_default=True, metavar="TARGET", help=f"{TARGETS}.")
@language
@click.pass_obj
def track(home: Home, folder: Path, target: str, language: str) -> None:
    """Mirror the finished run in FOLDER into MLflow; doing so again brings the same entries up to date."""
    _track(folder, target, home, load_texts(language))


@command()
@click.argument("folder", type=Folder)
@language
@click.pass_obj
def report(home: Home, folder: Path, language: str) -> None:
    """Score the predictions of the run in FOLDER again and write its report anew; no training, no torch."""
    from leukolab.study.finish import report_run

    texts = load_texts(language)
    say(texts("terminal.report", path=report_run(folder, home, language)))


@command()
@click.argument("folder", type=Folder)
@option("--json", "as_json", is_flag=True, help="As JSON, every job with its state.")
@language
@click.pass_obj
def status(home: Home, folder: Path, as_json: bool, language: str) -> None:
    """Tell how far the run in FOLDER is: done, running, left, failed, time left; also while it runs."""
    import json

    from leukolab.study import status as found

    progress = found.read_progress(folder, home)
    say_lines(json.dumps(found.as_json(progress), indent=2) if as_json else found.as_text(progress, language))


@command()
@click.argument("runs", nargs=-1, required=True, type=Folder)
@option(
    "--out",
    required=True,
    type=Folder,
    section=OUTPUT,
    setting="run folder",
    help="Folder of the merged run; new or empty.",
)
@option(
    "--data",
    type=Place(),
    section=DATA,
    setting="data folder",
    help="Folder of images, for methods whose images are not in the home folder any more.",
)
@language
@click.pass_obj
def merge(home: Home, runs: tuple[Path, ...], out: Path, data: Path | None, language: str) -> None:
    """Make one run of finished RUNS that differ in their outer parts only: scores, intervals and report of them all.

    No network is trained, and the folders named are left as they are. With all outer parts there, methods are fitted
    once more on all images, as 'study run' does.
    """
    from leukolab.study.merge import merge_runs

    _say_done(merge_runs(list(runs), out, home, language, data), out, load_texts(language))


@command()
@click.argument("folder", type=Folder)
@data_folder
@option(
    "--outer-parts",
    type=OuterParts(),
    default="all",
    metavar="PARTS",
    section=TRAINING,
    setting="outer_parts",
    help="Only these outer parts of the run, such as 1,2. [default: all]",
)
@option(
    "--images",
    type=click.IntRange(2, 1_000_000),
    metavar="N",
    section=DATA,
    help="So many test images per outer part, of each class alike and spread over its subjects. [default: all]",
)
@option(
    "--kind",
    "kinds",
    type=click.Choice(CHANGES),
    multiple=True,
    section=DATA,
    help="Only this kind of change; may be repeated. [default: all]",
)
@language
@click.pass_obj
def shift(
    home: Home,
    /,
    folder: Path,
    data: Path,
    outer_parts: object,
    images: int | None,
    kinds: tuple[str, ...],
    language: str,
) -> None:
    """Score the run in FOLDER on its test images with colour, size, stain, focus and brightness changed.

    What each outer part chose and its simple rivals are asked; nothing trains on changed images. The report then shows
    how the scores hold. Stop it whenever you like: the same command goes on.
    """
    with large_imports():
        from leukolab.study.shift import shift_run

    parts = outer_parts if isinstance(outer_parts, tuple) else ()
    texts = load_texts(language)
    say(texts("terminal.report", path=shift_run(folder, data, home, parts, images, kinds, language)))


@command()
@click.argument("runs", nargs=-1, required=True, type=Folder)
@option("--out", type=Folder, section=OUTPUT, help="Folder for the comparison as a page, with its tables and figure.")
@option("--seed", type=SEED, default=2019, show_default=True, help="Seed of the sign patterns of the tests.")
@language
def compare(runs: tuple[Path, ...], out: Path | None, seed: int, language: str) -> None:
    """Compare what finished RUNS offer on the test images they share: differences by subject, intervals, tests.

    Nothing is trained, no torch; the folders named are left as they are.
    """
    from leukolab.report.compare import lines, write_page
    from leukolab.results.compare import compare as compared
    from leukolab.results.compare import contender_of
    from leukolab.results.folder import RunFolder

    short = [run.resolve().name for run in runs]
    names = short if len(set(short)) == len(short) else [str(run) for run in runs]
    found = compared([contender_of(RunFolder(run), name) for run, name in zip(runs, names, strict=True)], seed)
    texts = load_texts(language)
    for line in lines(found, texts):
        say(line)
    if out is not None:
        say(texts("terminal.page", path=write_page(found, out, language)))


def _track(folder: Path, target: str, home: Home, texts: Texts) -> None:
    from leukolab.study.tracking.mirror import track as mirror

    say(texts("terminal.tracked", place=mirror(folder, target, home)))


def _expected(found: Estimate, texts: Texts) -> Iterator[str]:
    """The lines of a dry run."""
    yield texts("estimate.models", models=found.models, done=found.models - found.left)
    if found.heads:
        yield texts("estimate.heads", heads=found.heads)
    minutes = found.hours * 60
    yield texts("estimate.hours", hours=found.hours) if minutes >= 60 else texts("estimate.minutes", minutes=minutes)
    yield texts("estimate.disk", gib=found.disk_gib)
    if found.audit_seconds:
        yield texts("estimate.audit_left", time=_time(found.audit_seconds, texts))
    else:
        yield texts("estimate.audit_done") if found.audited else texts("estimate.audit_off")


def _time(seconds: float, texts: Texts) -> str:
    """A time in words."""
    unit, size = ("seconds", 1) if seconds < 100 else ("minutes", 60)
    return texts(f"terminal.{unit}", value=seconds / size)


def _say_done(report: Path, folder: Path, texts: Texts) -> None:
    """Where the report is, and how the model chosen is used."""
    from leukolab.results import RunFolder

    command = pasted(["leukolab", "predict", "IMAGES...", "--run", str(folder)])
    say(texts("terminal.report", path=report))
    say(texts("terminal.chosen", member=RunFolder(folder).chosen.member))
    say(texts("terminal.classify", command=command))

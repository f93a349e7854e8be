"""The command table, and how errors reach a person."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from leukolab import __version__
from leukolab.base.errors import LeukolabError, MissingExtraError, nearest
from leukolab.base.files import FULL, no_space


@dataclass(frozen=True)
class Entry:
    """Where a command is, what it says of itself, and the extra it wants (none where empty)."""

    place: str
    sentence: str
    extra: str = ""


COMMANDS: dict[str, Entry] = {
    "demo": Entry("leukolab.cli.demo:demo", "Run both studies at small size on synthetic cells.", "study"),
    "data": Entry("leukolab.cli.data:data", "List, show, verify, explore and draw data sets."),
    "study": Entry("leukolab.cli.study:study", "Run a study, see what it would cost and how far it is.", "study"),
    "cache": Entry("leukolab.cli.cache:cache", "List what the home folder holds and make it smaller."),
    "predict": Entry("leukolab.cli.predict:predict", "Classify images with the model a study chose.", "study"),
    "score": Entry("leukolab.cli.score:score", "Evaluate predictions made elsewhere."),
}


class Table(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now.

        Raises:
            click.UsageError: there is none; the nearest is offered.
        """
        if cmd_name not in COMMANDS:
            raise click.UsageError(f"no command '{cmd_name}'. {nearest(cmd_name, COMMANDS)}")
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Sentences from the table, so that help imports no command."""
        rows = [
            (name, entry.sentence + (f" Wants leukolab[{entry.extra}]." if entry.extra else ""))
            for name, entry in COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Table, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for packed pixels, features and weights. [default: LEUKOLAB_HOME, else the platform's cache folder]",
)
@click.version_option(__version__, prog_name="leukolab")
@click.pass_context
def table(ctx: click.Context, home: Path | None) -> None:
    """Classify leukaemia cells in microscope images, and find out honestly how well that works.

    Research use only.
    """
    from leukolab.base.home import find_home

    ctx.obj = find_home(home)


def program() -> None:
    """The command `leukolab`: `main`, after which the process is gone at once.

    Python would take every module apart at its end, for a second and more where torch was imported, to no one's use.
    Threads are waited for, and what is registered for the exit is done, as ever.
    """
    code = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os._exit(120)  # as Python itself
        os._exit(code)

    atexit.register(leave)  # registered first, done last
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence for what the user can mend."""
    try:
        result: Any = table.main(arguments, prog_name="leukolab", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        click.echo(f"leukolab: {_usage(error)}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("leukolab: stopped. What was finished is kept; the same command goes on from there.", err=True)
        sys.exit(130)
    except LeukolabError as error:
        click.echo(f"leukolab: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        if error.errno not in FULL:
            raise
        click.echo(f"leukolab: {no_space(error.filename or 'a file')}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        click.echo(f"leukolab: {_missing(error)}", err=True)
        sys.exit(2)


def _usage(error: click.ClickException) -> str:
    """What was wrong with the command as typed, on one line, and where help is."""
    text = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" See '{context.command_path} --help'." if context is not None else ""
    return text[0].lower() + text[1:] + hint


def _missing(error: ModuleNotFoundError) -> MissingExtraError:
    """The sentence for an extra that is not installed; other missing modules are bugs.

    Raises:
        ModuleNotFoundError: the module belongs to no extra.
    """
    if (error.name or "").partition(".")[0] not in ("torch", "torchvision", "timm", "safetensors"):
        raise error
    return MissingExtraError(f"this command needs {error.name}: install it with 'pip install \"leukolab[study]\"'.")

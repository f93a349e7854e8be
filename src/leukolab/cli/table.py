"""The command table, and how errors reach a person."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from leukolab.base.errors import LeukolabError, MissingExtraError, nearest
from leukolab.base.files import disk_fault
from leukolab.base.home import find_home
from leukolab.base.progress import Terminal, shown
from leukolab.base.version import __version__
from leukolab.cli.help import option
from leukolab.cli.say import say_error, say_lines


@dataclass(frozen=True)
class Listed:
    """A command or a group of commands.

    Attributes:
        sentence: what it says of itself in a list.
        place: module and name of the command; empty for a group.
        extra: what it needs beside the plain install, as pip names it; nothing where empty: no torch either.
        examples: two of a group.
    """

    sentence: str
    place: str = ""
    extra: str = ""
    examples: tuple[str, ...] = ()

    @property
    def needs(self) -> str:
        """The sentence for its extra; empty where it needs none."""
        return f"Needs leukolab[{self.extra}]." if self.extra else ""


COMMANDS: dict[str, Listed] = {
    "demo": Listed("Run both studies at small size on synthetic cells.", "leukolab.cli.demo:demo", "study"),
    "data": Listed(
        "List, show, verify, audit, explore and draw data sets.",
        examples=("leukolab data verify cnmc2019 FOLDER", "leukolab data audit folder FOLDER --out audit"),
    ),
    "data list": Listed("List the data sets the program knows.", "leukolab.cli.data:list_cards"),
    "data show": Listed("Print the card of a data set.", "leukolab.cli.data:show"),
    "data verify": Listed("Compare a data set with its card.", "leukolab.cli.data:verify"),
    "data audit": Listed("Find images of one person, and labels that contradict.", "leukolab.cli.audit:audit"),
    "data explore": Listed("Write the exploratory analysis of a data set.", "leukolab.cli.data:explore"),
    "data draw": Listed("Draw synthetic cells with known truth.", "leukolab.cli.data:draw"),
    "study": Listed(
        "Run a study, see what it would cost and how far it is.",
        examples=(
            "leukolab study run wen --data FOLDER --dry-run",
            "leukolab study run subtypes --data FOLDER --out RUN",
        ),
    ),
    "study list": Listed("List the studies that come with the program.", "leukolab.cli.study:list_studies"),
    "study show": Listed("Print the settings of a study.", "leukolab.cli.study:show"),
    "study run": Listed("Run a study, from the pixels to the report.", "leukolab.cli.study:run", "study"),
    "study status": Listed("Tell how far a run is.", "leukolab.cli.study:status"),
    "study report": Listed("Write the report of a run anew; no training.", "leukolab.cli.study:report"),
    "study merge": Listed("Make one run of runs of single outer parts.", "leukolab.cli.study:merge"),
    "study compare": Listed("Compare finished runs on the test images they share.", "leukolab.cli.study:compare"),
    "study shift": Listed(
        "Score a run on images with other colour, size, stain or focus.", "leukolab.cli.study:shift", "study"
    ),
    "study tune": Listed("Search the best values of settings.", "leukolab.cli.tune:tune", "study,tune"),
    "study track": Listed("Mirror a finished run into MLflow.", "leukolab.cli.study:track", "mlflow"),
    "cache": Listed(
        "List what the home folder holds and make it smaller.",
        examples=("leukolab cache list", "leukolab cache trim --to 5GB"),
    ),
    "cache list": Listed("List what the home folder holds, with size and last use.", "leukolab.cli.cache:list_entries"),
    "cache trim": Listed("Delete what was used longest ago.", "leukolab.cli.cache:trim"),
    "cache clear": Listed("Delete everything, or all of a kind.", "leukolab.cli.cache:clear"),
    "predict": Listed("Classify images with the model a study chose.", "leukolab.cli.predict:predict", "study"),
    "score": Listed("Evaluate predictions made elsewhere.", "leukolab.cli.score:score"),
}
"""Every command by what is typed; those of a group follow it."""
EXAMPLES = ("leukolab demo --out demo", "leukolab predict IMAGES... --run demo/wen")


class CommandTable(click.Group):
    """A group of commands that are imported when they are called.

    Args:
        path: what is typed before the names of its commands; nothing for the program itself.
        examples: shown at the end of its help.
    """

    def __init__(self, *given: Any, path: str = "", examples: tuple[str, ...] = EXAMPLES, **attributes: Any) -> None:
        super().__init__(*given, **attributes)
        self.path = path
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(self._listed())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now.

        Raises:
            click.UsageError: there is none; the nearest is offered.
        """
        listed = self._listed().get(cmd_name)
        if listed is None:
            if ctx.resilient_parsing:  # while a shell completes what is typed
                return None
            raise click.UsageError(f"no command '{cmd_name}'. {nearest(cmd_name, self._listed())}", ctx)
        if not listed.place:
            return CommandTable(cmd_name, path=f"{cmd_name} ", examples=listed.examples, help=listed.sentence)
        module, _, name = listed.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        command.epilog = listed.needs or None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Sentences from the table, so that help imports no command."""
        rows = [(name, f"{listed.sentence} {listed.needs}".rstrip()) for name, listed in self._listed().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, one on each line."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def _listed(self) -> dict[str, Listed]:
        """Its own commands by their last word."""
        inside = {name.removeprefix(self.path): one for name, one in COMMANDS.items() if name.startswith(self.path)}
        return {name: one for name, one in inside.items() if " " not in name}


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    setting="home folder",
    help="Folder for packed pixels, features and weights. [default: LEUKOLAB_HOME, else the platform's cache folder]",
)
@click.option(
    "--quiet", "-q", "level", flag_value=logging.WARNING, type=int, default=logging.INFO,
    help="Show results and problems only.",
)  # fmt: skip
@click.option("--verbose", "-v", "level", flag_value=logging.DEBUG, type=int, help="Show details of what is done.")
@click.version_option(__version__, prog_name="leukolab")
@click.pass_context
def table(ctx: click.Context, home: Path | None, level: int) -> None:
    """Classify leukaemia cells in microscope images, and find out honestly how well that works.

    Research use only.
    """
    ctx.obj = find_home(home)
    ctx.with_resource(shown(Terminal(), level))


def program() -> None:
    """The command `leukolab`: `main`, after which the process is gone at once.

    Python would take every module apart at its end, for a second and more where torch was imported, to no one's use.
    Threads are waited for, and what is registered for the exit is done, as ever.
    """
    code = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:  # closed by the caller
                    stream.flush()
            except (OSError, ValueError):
                os._exit(code or 1)  # nobody reads any more
        os._exit(code)

    atexit.register(leave)  # registered first, done last
    _fill_streams()
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def _fill_streams() -> None:
    """Give closed standard streams to the null device, else the next files opened would bear their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence for what the user can mend."""
    try:
        result: Any = table.main(arguments, prog_name="leukolab", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        say_lines(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        say_error(_usage(error))
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        say_error("stopped. What was finished is kept; the same command goes on from there.")
        sys.exit(130)
    except LeukolabError as error:
        say_error(error)
        sys.exit(2)
    except BrokenPipeError:  # nobody reads any more, as behind `head`
        sys.exit(1)
    except OSError as error:
        sentence = disk_fault(error)
        if sentence is None:
            raise
        say_error(sentence)
        sys.exit(2)
    except ModuleNotFoundError as error:
        say_error(_missing(error))
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

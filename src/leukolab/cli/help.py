"""Commands whose options stand in sections of `--help`, and whose errors name the flags that mend them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from leukolab.base.errors import LeukolabError
from leukolab.cli.flags import with_flags

DATA, TRAINING, SEARCH, WHERE, OUTPUT = "Data", "Training", "Search", "Where it runs", "Output"
SECTIONS = (DATA, TRAINING, SEARCH, WHERE, OUTPUT, "Options")
"""In the order in which they are shown; the last holds what stands in no other."""

F = TypeVar("F", bound=Callable[..., Any])


class SectionedOption(click.Option):
    """An option in a section of `--help`.

    Args:
        section: of `SECTIONS`.
        setting: the setting or argument it gives, as library errors name it; none where empty.
    """

    def __init__(self, *names: Any, section: str = SECTIONS[-1], setting: str = "", **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.section = section
        self.setting = setting


class SectionedCommand(click.Command):
    """A command whose options stand in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections that have options."""
        records: dict[str, list[tuple[str, str]]] = {name: [] for name in SECTIONS}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx) if isinstance(one, click.Option) else None
            if record is not None:
                records[section_of(one)].append(record)
        for name, lines in records.items():
            if lines:
                with formatter.section(name):
                    formatter.write_dl(lines)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of the library that names settings gets their flags.

        Raises:
            LeukolabError: as the library raised it, with flags.
        """
        try:
            return super().invoke(ctx)
        except LeukolabError as error:
            error.args = (with_flags(str(error), error.settings, dict(_flags(ctx))),)
            raise


def section_of(one: click.Parameter) -> str:
    """The section an option stands in."""
    return one.section if isinstance(one, SectionedOption) else SECTIONS[-1]


def command(name: str | None = None) -> Callable[[Callable[..., Any]], SectionedCommand]:
    """`click.command` with sections."""
    return click.command(name, cls=SectionedCommand)


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """`click.option` with a `section` and a `setting`, see `SectionedOption`."""
    return click.option(*names, cls=SectionedOption, **attributes)


def _flags(ctx: click.Context | None) -> Iterator[tuple[str, str]]:
    """Setting to flag, of a command and the groups it stands in."""
    while ctx is not None:
        for one in ctx.command.params:
            if isinstance(one, SectionedOption) and one.setting:
                yield one.setting, max(one.opts, key=len)
        ctx = ctx.parent

"""What the text of an option means, where it is more than a number or a word."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from leukolab.base.errors import SpecError

SEED = click.IntRange(0, 2**32 - 1)
COLUMNS = ("path", "label", "subject", "part")
"""Those of a table of images, see `data.columns`."""


class Place(click.Path):
    """A path as `pathlib.Path`; an empty text, which that takes for the current folder, is refused."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("expected a path, got nothing.", param, ctx)
        return super().convert(value, param, ctx)


class Epochs(click.ParamType):  # type: ignore[type-arg]
    """`4` for every stage, `3+2` for one stage each."""

    name = "epochs"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Whole numbers, one or one for each stage."""
        try:
            return tuple(int(part) for part in str(value).split("+"))
        except ValueError:
            self.fail(f"'{value}': expected a whole number, or one for each stage such as 3+2.", param, ctx)


class OuterParts(click.ParamType):  # type: ignore[type-arg]
    """`1,2,3` or `all`."""

    name = "parts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Whole numbers, or `all`."""
        if value == "all":
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}': expected whole numbers such as 1,2,3, or 'all'.", param, ctx)


class Column(click.ParamType):  # type: ignore[type-arg]
    """`label=class`: what a table calls one of our columns."""

    name = "column"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Our name and the table's."""
        if isinstance(value, tuple):
            return value
        name, _, theirs = str(value).partition("=")
        if name not in COLUMNS or not theirs:
            self.fail(f"'{value}': expected {', '.join(COLUMNS)} and a column, such as label=class.", param, ctx)
        return name, theirs


class Setting(click.ParamType):  # type: ignore[type-arg]
    """`training.batch_size=64`: any setting of a study, its value in YAML."""

    name = "setting"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """The path of the setting and its value."""
        from leukolab.spec.read import read_setting

        try:
            return read_setting(str(value))
        except SpecError as error:
            self.fail(str(error), param, ctx)


class OneOf(click.Choice):  # type: ignore[type-arg]
    """A choice whose error offers the nearest name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The choice."""
        if value not in self.choices:
            named = ", ".join(f"'{choice}'" for choice in self.choices)
            near = difflib.get_close_matches(str(value), self.choices, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            self.fail(f"'{value}' is not one of {named}.{hint}", param, ctx)
        return super().convert(value, param, ctx)


class Known(click.ParamType):  # type: ignore[type-arg]
    """A name among others: those that come with the program are shown and completed, a study may have more.

    Args:
        name: what it names.
        names: finds the known names; called for help and completion only.
    """

    def __init__(self, name: str, names: Callable[[], Iterable[str]]) -> None:
        self.name = name
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """`[a|b|NAME]`."""
        return f"[{'|'.join([*self._names(), 'NAME'])}]"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The known names that begin so."""
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


def studies() -> list[str]:
    """Names of the studies that come with the program."""
    from leukolab.spec import study_names

    return study_names()


def protocols() -> list[str]:
    """Names of the protocols of the studies that come with the program, and `both`."""
    return [*_names("protocols"), "both"]


def readings() -> list[str]:
    """Names of the readings of the studies that come with the program."""
    return _names("readings")


def methods() -> list[str]:
    """Names of the methods that come with the program."""
    from leukolab.spec import method_names

    return method_names()


def _names(group: str) -> list[str]:
    from leukolab.spec.read import raw_study

    return sorted({name for study in studies() for name in raw_study(study)[1][group]})

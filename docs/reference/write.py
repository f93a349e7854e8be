"""Writes the reference from the program itself: commands, data cards, studies. A test holds them in step.

python docs/reference/write.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from leukolab.cards import card_lines, card_names, get_card
from leukolab.cli.help import SECTIONS, section_of
from leukolab.cli.table import COMMANDS, CommandTable, table
from leukolab.cli.values import Known
from leukolab.spec import load_study, study_names

NOTE = "<!-- Written by docs/reference/write.py from the program; change the program, then run it again. -->"
WORDS = {"integer": "N", "integer range": "N", "float": "X", "float range": "X"}


def pages() -> dict[str, str]:
    """File name to text of every page."""
    made = {"commands.md": _commands(), "cards.md": _cards(), "studies.md": _studies()}
    return {name: "\n".join([NOTE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "`leukolab COMMAND --help` says the same. Errors are one sentence and exit code 2."
    yield ""
    for path, command in _walk(("leukolab",), table):
        yield f"## `{' '.join([*path, *_arguments(command)])}`"
        yield ""
        yield " ".join((command.help or "").split())
        listed = COMMANDS.get(" ".join(path[1:]))
        if listed and listed.extra:
            yield f"Needs `leukolab[{listed.extra}]`."
        yield ""
        if isinstance(command, CommandTable):
            yield from ["```", *command.examples, "```", ""]
        yield from _options(command)


def _walk(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _walk((*path, name), inner)


def _arguments(command: click.Command) -> list[str]:
    found = [param for param in command.params if isinstance(param, click.Argument)]
    return [str(param.name).upper() + ("..." if param.nargs == -1 else "") for param in found]


def _options(command: click.Command) -> Iterator[str]:
    options = [param for param in command.params if isinstance(param, click.Option)]
    if not options:
        return
    options.sort(key=lambda option: SECTIONS.index(section_of(option)))
    yield "| option | section | what |"
    yield "| --- | --- | --- |"
    for option in options:
        default = f" Default: {option.default}." if option.show_default else ""
        needed = " Needed." if option.required else ""
        words = f"{(option.help or '').rstrip('.')}.{default}{needed}".replace("|", "\\|").lstrip(".").strip()
        yield f"| `{_spelled(option)}` | {section_of(option)} | {words} |"
    yield ""


def _spelled(option: click.Option) -> str:
    name = max(option.opts, key=len)
    if option.is_flag:
        return name
    if isinstance(option.type, click.Choice):
        return f"{name} {{{', '.join(str(choice) for choice in option.type.choices)}}}"
    if isinstance(option.type, click.Path):
        return f"{name} PATH"
    if isinstance(option.type, Known):
        return f"{name} {option.type.get_metavar(option, click.Context(click.Command(None)))}"
    return f"{name} {option.metavar or WORDS.get(option.type.name, 'TEXT')}"


def _cards() -> Iterator[str]:
    yield "# Data cards"
    yield ""
    yield "`leukolab data show NAME` prints one. A new file or folder in `src/leukolab/cards/datasets/` is a new card."
    yield ""
    for name in card_names():
        title, *lines = card_lines(get_card(name))
        yield f"## {name}"
        yield ""
        yield title.partition(": ")[2]
        yield ""
        yield from (f"- {line}" for line in lines)
        yield ""


def _studies() -> Iterator[str]:
    yield "# Studies"
    yield ""
    yield "Every line is a setting: `--set a.b=c` changes it, and a YAML file with these keys is a study of your own."
    yield ""
    for name in study_names():
        settings = load_study(name).model_dump(mode="json")
        yield f"## {name}"
        yield ""
        yield f"{settings.pop('title')}. {settings.pop('question')}"
        yield ""
        yield "```yaml"
        yield yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=110).rstrip()
        yield "```"
        yield ""


def main() -> None:
    """Write every page beside this file."""
    for name, text in pages().items():
        (Path(__file__).parent / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""From the settings that an error names to the flags of the command at hand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from leukolab.base.shell import quoted

ANY = "*"
"""Stands in the flags of a command for the option that takes any setting (`--set`)."""
_VALUE = r"""(?:=(?P<value>(?:'[^']*'|"'")+|\[[^\]]*\]|\{[^}]*\}|[^\s,;()'"]*[^\s,;()'".]))?"""
"""What follows a name: in single quotes as POSIX shells take them, in brackets, or a word."""


def with_flags(sentence: str, settings: Iterable[str], flags: Mapping[str, str]) -> str:
    """The sentence with the flag behind each setting it names, as far as the command has one.

    Args:
        sentence: names settings such as `data.card` or `data.card=phantom`, and arguments such as `run folder`.
        settings: the names to look for.
        flags: name to flag of this command's options; `ANY` to the one that takes any dotted setting.
    """
    for name in settings:
        for place in reversed(_places(sentence, name)):
            if text := _spelled(name, place["value"], flags):
                sentence = f"{sentence[: place.end()]} ({text}){sentence[place.end() :]}"
    return sentence


def _places(sentence: str, name: str) -> list[re.Match[str]]:
    """Everywhere the name stands with a value, else at the beginning, else last."""
    found = list(re.finditer(rf"(?<![\w.]){re.escape(name)}{_VALUE}(?![\w=])", sentence))
    valued = [match for match in found if match["value"] is not None]
    first = [match for match in found if match.start() == 0]
    return valued or first or found[-1:]


def _spelled(name: str, value: str | None, flags: Mapping[str, str]) -> str:
    if value is not None and value.startswith("'"):
        [value] = shlex.split(value)
    if name in flags:
        return flags[name] if value is None else f"{flags[name]} {quoted(value)}"
    if ANY in flags and " " not in name:
        setting = f"{name}={value or 'VALUE'}"
        return f"{flags[ANY]} {quoted(setting)}"
    return ""

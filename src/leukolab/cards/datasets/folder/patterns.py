"""Patterns of a user's own for paths: where the subject and the part stand, and which images to take."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from leukolab.base.errors import DataError, SpecError
from leukolab.base.findings import Finding
from leukolab.cards.reading import left_out
from leukolab.spec import DataSpec

SECONDS = 20.0
"""Most that a pattern may take for all paths."""
_HEAVY = re.compile(r"\)[*+{]|(?:[*+}].*){4}", re.DOTALL)
"""What a pattern that may take for ever looks like: a group repeated, or many repeats; most of them are swift."""
_SEARCH = "import json, re, sys\npattern, names = json.load(sys.stdin)\nfor name in names: re.search(pattern, name)"


@dataclass(frozen=True)
class PathPattern:
    """A regular expression whose first group is a subject or a part."""

    setting: str
    what: str
    """`subject` or `part`."""
    expression: re.Pattern[str]

    def of(self, name: str) -> str:
        """What `name`, a relative path, says.

        Raises:
            DataError: it does not fit.
        """
        match = self.expression.search(name)
        if match is None or not match[1]:
            raise DataError(
                f"{name}: expected a {self.what} by {self.setting} '{self.expression.pattern}', found none.",
                settings=(self.setting,),
            )
        return match[1]

    def levels(self, name: str) -> frozenset[int]:
        """Numbers, from 0, of the folders of a relative path that lie within the first group."""
        match = self.expression.search(name)
        if match is None or not match[1]:
            return frozenset()
        start, end, at, found = match.start(1), match.end(1), 0, set()
        for number, folder in enumerate(name.split("/")[:-1]):
            if start <= at and at + len(folder) <= end:
                found.add(number)
            at += len(folder) + 1
        return frozenset(found)


@dataclass(frozen=True)
class Patterns:
    """Those that are given."""

    subject: PathPattern | None
    part: PathPattern | None


def patterns_of(spec: DataSpec) -> Patterns:
    """The patterns of `data.subject_from` and `data.part_from`.

    Raises:
        SpecError: one is no regular expression, or has no group.
    """
    return Patterns(
        _pattern("subject", "data.subject_from", spec.subject_from), _pattern("part", "data.part_from", spec.part_from)
    )


def check_swift(patterns: Patterns, names: Sequence[str]) -> None:
    """See, in a process of its own, that no pattern takes for ever on these paths, as `(a+)+b` may.

    Raises:
        SpecError: one takes longer than `SECONDS`.
    """
    for one in (patterns.subject, patterns.part):
        if one is None or not _HEAVY.search(one.expression.pattern):
            continue
        told = json.dumps([one.expression.pattern, list(names)])
        try:
            subprocess.run([sys.executable, "-I", "-S", "-c", _SEARCH], input=told, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise SpecError(
                f"{one.setting}: {one.expression.pattern}: expected a pattern that is found in {len(names):,} paths "
                f"within {SECONDS:.0f} s, got one that takes longer. Repeat no group that repeats something itself.",
                settings=(one.setting,),
            ) from error


def chosen(names: Sequence[str], spec: DataSpec) -> tuple[list[bool], tuple[Finding, ...]]:
    """Which relative paths `data.include` and `data.exclude` leave, and a finding of the others."""
    keep = [
        (not spec.include or _fits(name, spec.include)) and not _fits(name, spec.exclude) for name in names
    ]  # fmt: skip
    return keep, left_out("read.excluded", (name for name, kept in zip(names, keep, strict=True) if not kept))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether the path, or a folder or the file in it, fits a pattern; small and capital letters are the same."""
    pieces = (name, *PurePosixPath(name).parts)
    return any(fnmatch(piece.lower(), pattern.lower()) for pattern in patterns for piece in pieces)


def _pattern(what: str, setting: str, given: str | None) -> PathPattern | None:
    if given is None:
        return None
    try:
        expression = re.compile(given)
    except (re.error, OverflowError, RecursionError) as error:
        raise SpecError(
            f"{setting}: {given}: expected a regular expression, got an error ({error}).", settings=(setting,)
        ) from error
    if expression.groups < 1:
        raise SpecError(
            f"{setting}: {given}: expected a group in round brackets, such as '([^/_]+)_', got none.",
            settings=(setting,),
        )
    return PathPattern(setting, what, expression)

"""What a check of a data set found, and how to say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from leukolab.base.findings import Finding
from leukolab.cards.card import Card

SHOWN = 5
"""Names given of each list in `verify_lines`."""


@dataclass(frozen=True)
class Count:
    """Images of one class in one part."""

    part: str
    class_name: str
    expected: int | None
    """As published; None where no number was published."""
    found: int


@dataclass(frozen=True)
class VerifyResult:
    """What `verify` found; every list holds names relative to the root.

    Where a data set has nothing official, its images are only counted and read: `read` and `unreadable`.
    """

    card: Card
    root: Path
    counts: tuple[Count, ...]
    missing: tuple[str, ...] = ()
    """Official files that are not there."""
    extra: tuple[str, ...] = ()
    """Files that the official data set does not have."""
    altered: tuple[str, ...] = ()
    """Files whose pixels are not the official ones."""
    unreadable: tuple[str, ...] = ()
    """Sentences, one per unreadable file."""
    proved: tuple[str, ...] = ()
    """Files whose official SHA-256 was found, from their bytes or rebuilt from their pixels."""
    unproved: tuple[str, ...] = ()
    """Files that can be neither proved nor refuted, such as lossy copies."""
    read: int = 0
    """Number of files that could be decoded, where nothing official is known of their bytes."""
    findings: tuple[Finding, ...] = ()
    """What was left out or merged, and pixels that are odd; said after the lines of `verify_lines`."""

    @property
    def whole(self) -> bool:
        """Nothing missing, extra, altered, unreadable or unproved."""
        return not (self.missing or self.extra or self.altered or self.unreadable or self.unproved)

    @property
    def sound(self) -> bool:
        """Nothing extra, altered or unreadable: a part of the data set, perhaps, but nothing wrong."""
        return not (self.extra or self.altered or self.unreadable)


def verify_lines(result: VerifyResult) -> list[str]:
    """The result in sentences for a person at a terminal."""
    lines = [f"{result.card.name}: {result.card.title}"]
    lines += [_count_line(count) for count in result.counts]
    if result.proved:
        lines.append(f"{len(result.proved):,} files proved: their bytes or pixels give the official SHA-256.")
    if result.read:
        lines.append(f"{result.read:,} images can be read.")
    lines += _list_lines("missing: official, but not here", result.missing)
    lines += _list_lines("extra: here, but not official", result.extra)
    lines += _list_lines("altered: not the official pixels", result.altered)
    lines += _list_lines("unproved: neither proved nor denied, such as lossy copies", result.unproved)
    lines += _list_lines("unreadable", result.unreadable)
    return [*lines, _verdict(result)]


def _verdict(result: VerifyResult) -> str:
    if result.whole:
        return "Whole: everything is as it should be."
    if result.sound and not result.unproved:
        return "Not whole, but all that is here is as it should be."
    if result.sound:
        return "Nothing wrong was found, but not everything could be proved."
    return "Not as it should be: see above."


def _count_line(count: Count) -> str:
    expected = "" if count.expected is None else f" of {count.expected:,}"
    return f"  {count.part} {count.class_name}: {count.found:,}{expected}"


def _list_lines(what: str, names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    more = [f"    and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return [f"{len(names):,} {what}:", *(f"    {name}" for name in names[:SHOWN]), *more]


def count_classes(published: Mapping[str, Mapping[str, int]], found: Iterable[tuple[str, str]]) -> tuple[Count, ...]:
    """Counts by part and class: all published ones, then whatever else was found."""
    seen = Counter(found)
    expected = {(part, name): number for part, classes in published.items() for name, number in classes.items()}
    keys = [*expected, *sorted(key for key in seen if key not in expected)]
    return tuple(Count(part, name, expected.get((part, name)), seen[part, name]) for part, name in keys)

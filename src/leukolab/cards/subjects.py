"""Names of subjects as people write them: one person under several spellings, and names that name nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

NOBODY = frozenset({"", "-", "--", "?", "nan", "none", "null", "na", "n/a", "#n/a", "<na>", "unknown"})
"""In small letters: what stands where a subject is not known."""
_DECIMAL = re.compile(r"^(\d+)\.0+$")
_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")


def named(text: str | None) -> str | None:
    """The subject, spaces around it removed; None where the text names nobody."""
    stripped = (text or "").strip()
    return None if stripped.casefold() in NOBODY else stripped


def spelling_key(name: str) -> str:
    """The same text for spellings of one subject: `2` and `2.0`, `007` and `7`, `s01` and `S01`, `P1` and `P01`."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return _ZEROS.sub("", _DECIMAL.sub(r"\1", plain))


def one_spelling(names: Iterable[str]) -> dict[str, str]:
    """Each name that is not the one to use for its person, and the one to use: the shortest, the first by letter."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault(spelling_key(name), set()).add(name)
    return {
        name: min(same, key=lambda one: (len(one), one))
        for same in spellings.values()
        for name in same
        if name != min(same, key=lambda one: (len(one), one))
    }


def merges(spelled: Mapping[str, str]) -> list[str]:
    """Each person of several spellings as a text: `7 = 007`, sorted."""
    people: dict[str, list[str]] = {}
    for name, use in spelled.items():
        people.setdefault(use, []).append(name)
    return sorted(" = ".join([use, *sorted(names)]) for use, names in people.items())

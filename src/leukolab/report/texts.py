"""Every sentence that a person reads, one file per language: `texts/en.yaml`, `texts/id.yaml`.

A text has places as Python's `str.format` does, with three forms of its own:

    {value:.3f}  {count:,}        numbers, written as the language writes them
    {rate:~}                      a number in full, never with an exponent: 0.00001
    {role:@roles}                 the text `roles.<value>`; `{role:@roles lower}` begins in lower case, but for AUC
    {count:#image|images}         the number and the word that goes with it: 1 image, 2 images
    {parts:#outer part|outer parts}   of a list the word and its items: outer parts 1, 2
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from numbers import Real
from typing import Any

from leukolab.base.errors import SpecError, nearest
from leukolab.base.findings import Finding, findings_from_text
from leukolab.spec.yaml_text import from_yaml

MISSING = "–"
"""Written where a value is missing."""


@dataclass(frozen=True)
class Texts:
    """The texts of one language, by dotted key."""

    language: str
    entries: dict[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of `key`, its places filled with `values`.

        Raises:
            KeyError: there is no such text, or a value is missing (a mistake in the program, not of its user).
        """
        return self._filled(self.entries[key], values)

    def name(self, group: str, key: object) -> str:
        """The text `group.key`, or the key itself in readable form where the language has none."""
        return self.entries.get(f"{group}.{key}", str(key).replace("_", " "))

    def word(self, group: str, key: str) -> str:
        """The text `group.key`, or the key itself as it is where the language has none."""
        return self.entries.get(f"{group}.{key}", key)

    def item(self, key: str, part: str, **values: Any) -> str:
        """`title`, `caption` (of a figure), `note` (of a table) or `label`; empty where it has none."""
        return self._filled(self.entries.get(f"items.{key}.{part}", ""), values)

    def names(self, group: str) -> list[str]:
        """Names of the texts in a group."""
        return [key.removeprefix(f"{group}.") for key in self.entries if key.startswith(f"{group}.")]

    def group(self, name: str) -> dict[str, str]:
        """All texts of a group, by their names."""
        return {key: self.name(name, key) for key in self.names(name)}

    def label_sets(self) -> set[str]:
        """Whose numbers figures and tables can bear: the names `X` of the texts `items.<key>.label_X`."""
        parts = (name.rpartition(".")[2] for name in self.names("items"))
        return {part.removeprefix("label_") for part in parts if part.startswith("label_")}

    def finding(self, finding: Finding) -> str:
        """The sentence of a finding: the text `findings.<code>`."""
        return self(f"findings.{finding.code}", **finding.values)

    def findings(self, text: str, between: str = " ") -> str:
        """The sentences of a cell of findings (`findings_to_text`)."""
        return between.join(self.finding(finding) for finding in findings_from_text(text))

    def said(self, text: str) -> str:
        """The sentences of findings in text form; any other text as it is."""
        return self.findings(text) if text.startswith("[{") else text

    def number(self, value: float, form: str = ".3f") -> str:
        """A number as this language writes it; `form` is a format of `str.format`, or `~` for all its digits."""
        return self.localised(_in_full(value) if form == "~" else format(value, form))

    def localised(self, number: str) -> str:
        """A number that stands in English form, as this language writes it."""
        comma = self.entries.get("language.decimal", ".") == ","
        return number.translate({ord("."): ",", ord(","): "."}) if comma else number

    def _filled(self, text: str, values: dict[str, Any]) -> str:
        return _Filler(self).vformat(text, (), values) if values else text


class _Filler(string.Formatter):
    """`str.format` with the forms of this module."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("@"):
            if isinstance(value, list | tuple):
                return ", ".join(self.format_field(item, format_spec) for item in value)
            group, _, manner = format_spec[1:].partition(" ")
            text = self._texts.name(group, value)
            return text[:1].lower() + text[1:] if manner == "lower" and not text[:2].isupper() else text
        if format_spec.startswith("#"):
            return self._counted(value, format_spec[1:].split("|"))
        if value is None:
            return MISSING
        if isinstance(value, str) or not isinstance(value, Real):
            return self._listed(value) if isinstance(value, list | tuple) else str(value)
        return self._texts.number(value, format_spec)  # type: ignore[arg-type]

    def _counted(self, value: Any, words: Sequence[str]) -> str:
        if isinstance(value, list | tuple):
            return f"{words[0] if len(value) == 1 else words[-1]} {self._listed(value)}"
        return f"{self._texts.number(value, ',')} {words[0] if value == 1 else words[-1]}"

    def _listed(self, items: Sequence[Any]) -> str:
        found = [self.format_field(item, "") for item in items]
        return ("; " if any("," in item for item in found) else ", ").join(found)


def _in_full(value: float) -> str:
    """All digits of a number, never with an exponent, without zeros at its end."""
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def languages() -> tuple[str, ...]:
    """The languages there are texts in."""
    files = (file.name for file in texts_folder().iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


def texts_folder() -> Traversable:
    """Where the languages stand, a YAML file each."""
    return resources.files("leukolab.report") / "texts"


@cache
def load_texts(language: str = "en") -> Texts:
    """The texts of `language`.

    Raises:
        SpecError: there are none in that language.
    """
    if language not in languages():
        raise SpecError(f"language: expected one of the report's, got '{language}'. {nearest(language, languages())}")
    source = texts_folder() / f"{language}.yaml"
    return Texts(language, flat_texts(from_yaml(source.read_text(encoding="utf-8"))))


def flat_texts(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A tree of texts with dotted keys."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flat_texts(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value).strip()
    return flat

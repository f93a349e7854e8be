"""Every sentence of the report in one file a language: `texts/en.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from leukolab.base.errors import SpecError, nearest


@dataclass(frozen=True)
class Texts:
    """The texts of one language, by dotted key."""

    language: str
    entries: dict[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of `key`, its places filled with `values`.

        Raises:
            KeyError: there is no such text (a mistake in the program, not of its user).
        """
        text = self.entries[key]
        return text.format(**values) if values else text

    def name(self, group: str, key: object) -> str:
        """The text `group.key`, or the key itself in readable form where the language has none."""
        return self.entries.get(f"{group}.{key}", str(key).replace("_", " "))

    def item(self, key: str, part: str, **values: Any) -> str:
        """`title`, `caption` (of a figure), `note` (of a table) or `label`; empty where it has none."""
        text = self.entries.get(f"items.{key}.{part}", "")
        return text.format(**values) if values else text


def languages() -> tuple[str, ...]:
    """The languages there are texts in."""
    folder = resources.files("leukolab.report") / "texts"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


def load_texts(language: str = "en") -> Texts:
    """The texts of `language`.

    Raises:
        SpecError: there are none in that language.
    """
    if language not in languages():
        raise SpecError(f"language: expected one of the report's, got '{language}'. {nearest(language, languages())}")
    source = resources.files("leukolab.report") / "texts" / f"{language}.yaml"
    return Texts(language, _flat(yaml.safe_load(source.read_text(encoding="utf-8"))))


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A tree of texts with dotted keys."""
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value).strip()
    return flat

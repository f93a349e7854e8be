"""YAML in and out; nobody else in the house imports the YAML library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from leukolab.base.errors import SpecError
from leukolab.base.files import read_small
from leukolab.spec.models import StudySpec

MOST_BYTES = 2**18
"""Of a file; a study has some thousands, and YAML is slow to read."""
MOST_VALUES = 100_000
"""Values of a text, each counted as often as it is referred to; a study has some hundreds."""
DEEPEST = 50
"""Levels of a text."""


def from_yaml(text: str) -> Any:
    """The value that a YAML text holds.

    Raises:
        ValueError: it is no YAML, or one that holds more than any study does.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _weigh(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        SpecError: it is missing, cannot be read or is no YAML.
    """
    try:
        return from_yaml(read_small(path, MOST_BYTES).decode("utf-8"))
    except FileNotFoundError as error:
        raise SpecError(f"{path}: expected a YAML file here, found none.") from error
    except OSError as error:
        raise SpecError(f"{path}: expected a YAML file, found what cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SpecError(f"{path}: expected YAML, found something else ({str(error).splitlines()[0]}).") from error


def study_yaml(spec: StudySpec) -> str:
    """The settings of a study as a study file."""
    return str(yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


@dataclass(frozen=True)
class _Weight:
    """Values in a node, those it refers to (`*name`) counted each time, and levels."""

    values: int = 1
    levels: int = 1


def _weigh(node: yaml.Node, known: dict[int, _Weight]) -> _Weight:
    """The weight of a node.

    Raises:
        ValueError: it holds too much, or itself.
    """
    if id(node) not in known:
        known[id(node)] = _Weight(MOST_VALUES)  # of a node that holds itself
        pairs = node.value if isinstance(node.value, list) else []
        inside = [_weigh(one, known) for pair in pairs for one in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = _Weight(
            1 + sum(one.values for one in inside), 1 + max((one.levels for one in inside), default=0)
        )
    found = known[id(node)]
    if found.values > MOST_VALUES or found.levels > DEEPEST:
        raise ValueError(f"expected at most {MOST_VALUES:,} values, those referred to counted, in {DEEPEST} levels")
    return found

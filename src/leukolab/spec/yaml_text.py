"""YAML in and out; nobody else in the house imports the YAML library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from leukolab.base.errors import SpecError
from leukolab.spec.models import StudySpec


def from_yaml(text: str) -> Any:
    """The value that a YAML text holds.

    Raises:
        ValueError: it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        SpecError: it is missing, cannot be read or is no YAML.
    """
    try:
        return from_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpecError(f"{path}: expected a YAML file here, found none.") from error
    except OSError as error:
        raise SpecError(f"{path}: expected a YAML file, found what cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SpecError(f"{path}: expected YAML, found something else ({str(error).splitlines()[0]}).") from error


def study_yaml(spec: StudySpec) -> str:
    """The settings of a study as a study file."""
    return str(yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

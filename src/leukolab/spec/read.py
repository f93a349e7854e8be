"""Reading a study: a shipped name or a YAML file, overrides on top, checked, with sentences for errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from leukolab.base.errors import SpecError, nearest
from leukolab.spec.earlier import from_earlier
from leukolab.spec.models import Settings, StudySpec
from leukolab.spec.values import control_sign
from leukolab.spec.yaml_text import from_yaml, read_yaml

AnySettings = TypeVar("AnySettings", bound=Settings)
NAMED = ("protocols", "readings")
"""Groups of settings whose names are the study's own."""
SHOWN_LETTERS = 100
"""Of a wrong value in a sentence."""


def study_names() -> list[str]:
    """Names of the shipped studies."""
    return _files_of("spec", "studies")


def method_names() -> list[str]:
    """Names of the shipped methods."""
    return _files_of("methods", "designs")


def _files_of(room: str, name: str) -> list[str]:
    folder = resources.files("leukolab") / room / name  # a room's name as module would import what learns
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_study(name_or_path: str | Path, overrides: Iterable[str] = ()) -> StudySpec:
    """The study of that name, or of that YAML file, with `a.b=c` overrides applied.

    Raises:
        SpecError: unknown name or key (with the nearest match), or a value that may not be.
    """
    where, raw = raw_study(str(name_or_path))
    for override in overrides:
        put(raw, *read_setting(override))
    return parse_study(raw, where)


def parse_study(raw: Mapping[str, Any], where: str) -> StudySpec:
    """Check a nested mapping of settings; `where` names it in error sentences.

    Raises:
        SpecError: a key is unknown or a value may not be.
    """
    return parse_settings(StudySpec, from_earlier(dict(raw), _shipped), where)


def parse_settings(model: type[AnySettings], raw: Mapping[str, Any], where: str) -> AnySettings:
    """Check a mapping of the settings of `model`, a study or a group of settings in it.

    Raises:
        SpecError: a key is unknown or a value may not be.
    """
    signed = control_sign(raw)
    if signed is not None:
        raise SpecError(f"{where}: {signed!a}: expected text, found control characters in it. Take them out.")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise SpecError(_sentence(error, where, model)) from error


def _shipped(name: str) -> dict[str, Any]:
    """The settings of a shipped study; none where there is no such study."""
    return raw_study(name)[1] if name in study_names() else {"report": {}}


def read_setting(text: str) -> tuple[str, Any]:
    """Path and value of `a.b=c`; `c` is read as YAML.

    Raises:
        SpecError: it has no `=`, or its value is no YAML.
    """
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise SpecError(f"{_shortened(text)}: expected 'key=value' such as 'training.batch_size=64'.")
    try:
        return path, from_yaml(value)
    except ValueError as error:
        raise SpecError(f"{_shortened(text)}: expected a YAML value after '=', got {_shortened(value)}.") from error


def put(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set the setting at `a.b.0.c` in place.

    Raises:
        SpecError: a part of the path is no group of settings, or names a protocol or reading that does not exist.
    """
    *parents, last = path.split(".")
    if len(parents) > 1 and parents[0] in NAMED and parents[1] not in raw.get(parents[0], {}):
        known = raw.get(parents[0], {})
        raise SpecError(f"{path}: {parents[0]}: there is no '{parents[1]}'. {nearest(parents[1], known)}")
    node: Any = raw
    for depth, parent in enumerate(parents):
        if isinstance(node, list) and parent.isdigit() and int(parent) < len(node):
            node = node[int(parent)]
            continue
        if not isinstance(node, dict):
            raise SpecError(f"{path}: '{'.'.join(parents[:depth])}' has no settings inside.")
        if node.get(parent) is None:
            node[parent] = {}
        node = node[parent]
    if isinstance(node, list) and last.isdigit() and int(last) < len(node):
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise SpecError(f"{path}: '{'.'.join(parents)}' has no settings inside.")


def raw_study(name_or_path: str) -> tuple[str, dict[str, Any]]:
    """The settings of a shipped name or a YAML file, unchecked, and the name to use in error sentences.

    Raises:
        SpecError: no such study, or the file is missing or no mapping.
    """
    if name_or_path in study_names():
        text = (resources.files("leukolab.spec") / "studies" / f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return f"{name_or_path}.yaml", from_yaml(text)
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise SpecError(f"study '{name_or_path}' is not known. {nearest(name_or_path, study_names())}")
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise SpecError(f"{path}: expected a mapping of settings, found {type(raw).__name__}.")
    return path.name, raw


def _sentence(error: ValidationError, where: str, model: type[Settings]) -> str:
    first = error.errors()[0]
    location = _location(first)
    if first["type"] == "extra_forbidden":
        siblings = _fields_at(model, first["loc"][:-1])
        key = str(first["loc"][-1])
        hint = nearest(key, siblings) if siblings else ""
        return f"{where}: {location}: this setting is not known. {hint}".rstrip()
    alternatives = [other["msg"] for other in error.errors() if _location(other) == location]
    message = (
        " or ".join(dict.fromkeys(alternatives)).replace(" or Input should be ", " or ").removeprefix("Value error, ")
    )
    got = first["input"]
    shown = f", got {_shortened(got)}" if isinstance(got, str | int | float | bool) and "got" not in message else ""
    place = f"{where}: {location}" if location else where
    sentence = f"{place}: {message[0].lower() + message[1:]}{shown}"
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _shortened(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}..."


def _location(error: ErrorDetails) -> str:
    """Where the setting stands; names for the sides of a choice are left out."""
    parts = [str(part) for part in error["loc"] if part != "constrained-int"]
    return ".".join(part for part in parts if not part.startswith(("literal[", "[")))


def _fields_at(model: Any, location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields where `location` leads; keys of mappings and places in lists stay with the model inside."""
    here: Any = model
    for part in location:
        fields = getattr(_model_in(here), "model_fields", {})
        here = fields[part].annotation if part in fields else _side(here, Tag(str(part))) or here
    return list(getattr(_model_in(here), "model_fields", {}))


def _side(annotation: Any, tag: Tag) -> Any:
    """The side of a choice that has this tag; None where there is none."""
    if tag in get_args(annotation):
        return annotation
    return next((found for one in get_args(annotation) if (found := _side(one, tag)) is not None), None)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None

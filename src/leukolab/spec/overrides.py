"""The short options of `study run`, as settings of the study file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leukolab.base.errors import SpecError, nearest
from leukolab.spec.models import DataSpec, StudySpec
from leukolab.spec.read import apply_override, parse_study, raw_study


@dataclass(frozen=True)
class Overrides:
    """Options as given; None where not."""

    protocol: str | None = None
    data: DataSpec | None = None
    subject_from: str | None = None
    backbone: str | None = None
    weights: str | None = None
    image_size: int | None = None
    epochs: str | None = None
    readings: tuple[str, ...] = ()
    outer_parts: str | None = None
    seed: int | None = None
    settings: tuple[str, ...] = ()


_PLACES = {
    "protocol": "protocol",
    "subject_from": "data.subject_from",
    "backbone": "model.backbone",
    "weights": "model.weights",
    "image_size": "image.size_px",
    "seed": "seed",
}


def resolve(name_or_path: str, given: Overrides) -> StudySpec:
    """The study of that name with the options applied, `--set` last.

    Raises:
        SpecError: an option or setting may not be.
    """
    where, raw = raw_study(name_or_path)
    parse_study(raw, where)
    if given.data is not None:
        raw["data"] = given.data.model_dump()
    for option, place in _PLACES.items():
        value = getattr(given, option)
        if value is not None:
            *group, key = place.split(".")
            (raw[group[0]] if group else raw)[key] = value
    if given.outer_parts is not None:
        raw["outer_parts"] = _outer_parts(given.outer_parts)
    _keep_readings(raw, given.readings)
    if given.epochs is not None:
        _set_epochs(raw, given.epochs)
    for setting in given.settings:
        apply_override(raw, setting)
    return parse_study(raw, where)


def _outer_parts(text: str) -> list[int] | None:
    if text == "all":
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise SpecError(f"--outer-parts {text}: expected whole numbers such as 1,2,3, or 'all'.") from error


def _keep_readings(raw: dict[str, Any], wanted: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in raw["readings"]:
            raise SpecError(f"--reading {name}: this study has no such reading. {nearest(name, raw['readings'])}")
    if wanted:
        raw["readings"] = {name: raw["readings"][name] for name in wanted}


def _set_epochs(raw: dict[str, Any], text: str) -> None:
    try:
        numbers = [int(part) for part in text.split("+")]
    except ValueError as error:
        raise SpecError(f"--epochs {text}: expected a whole number, or one for each stage such as 3+2.") from error
    for name, reading in raw["readings"].items():
        stages = reading["stages"]
        if len(numbers) not in (1, len(stages)):
            raise SpecError(
                f"--epochs {text}: reading '{name}' has {len(stages)} stages, {len(numbers)} numbers were given."
            )
        for stage, epochs in zip(stages, numbers * len(stages), strict=False):
            stage["epochs"] = epochs

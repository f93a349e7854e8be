"""A study with some of its settings changed: the few that are changed most, by short names, and any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from leukolab.base.errors import SpecError, nearest
from leukolab.spec.models import DataSpec, StudySpec
from leukolab.spec.read import parse_study, put, raw_study


@dataclass(frozen=True)
class Overrides:
    """What is to be changed; None and empty where nothing is.

    Attributes:
        positive: the classes of the disease.
        columns: our name of a table's column, and the table's.
        readings: those to keep.
        methods: those to run in place of the study's own: names of shipped ones, or files.
        epochs: one number for every stage, or one for each.
        settings: dotted path and value of any setting, applied last.
    """

    protocol: str | None = None
    data: DataSpec | None = None
    subject_from: str | None = None
    positive: tuple[str, ...] = ()
    part_from: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    backbone: str | None = None
    weights: str | None = None
    image_size: int | None = None
    epochs: tuple[int, ...] | None = None
    readings: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    outer_parts: tuple[int, ...] | Literal["all"] | None = None
    seed: int | None = None
    settings: tuple[tuple[str, Any], ...] = ()


_PLACES = {
    "protocol": "protocol",
    "subject_from": "data.subject_from",
    "part_from": "data.part_from",
    "backbone": "model.backbone",
    "weights": "model.weights",
    "image_size": "image.size_px",
    "seed": "seed",
}


def resolve(name_or_path: str, given: Overrides) -> StudySpec:
    """The study of that name with the changes applied.

    Raises:
        SpecError: a setting may not be.
    """
    where, raw = raw_study(name_or_path)
    parse_study(raw, where)
    if given.data is not None:
        raw["data"] = given.data.model_dump()
    for name, place in _PLACES.items():
        value = getattr(given, name)
        if value is not None:
            *group, key = place.split(".")
            (raw[group[0]] if group else raw)[key] = value
    if given.positive:
        raw["data"]["positive"] = given.positive[0] if len(given.positive) == 1 else list(given.positive)
    for name in ("include", "exclude"):
        if getattr(given, name):
            raw["data"][name] = list(getattr(given, name))
    if given.columns:
        raw["data"]["columns"] = dict(given.columns)
    if given.outer_parts is not None:
        raw["outer_parts"] = None if given.outer_parts == "all" else list(given.outer_parts)
    if given.methods:
        raw["methods"] = list(given.methods)
    _keep_readings(raw, given.readings)
    if given.epochs is not None:
        _set_epochs(raw, given.epochs)
    for path, value in given.settings:
        put(raw, path, value)
    return parse_study(raw, where)


def _keep_readings(raw: dict[str, Any], wanted: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in raw["readings"]:
            hint = nearest(name, raw["readings"])
            raise SpecError(f"readings: this study has no reading '{name}'. {hint}", settings=("readings",))
    if wanted:
        raw["readings"] = {name: raw["readings"][name] for name in wanted}


def _set_epochs(raw: dict[str, Any], numbers: tuple[int, ...]) -> None:
    for name, reading in raw["readings"].items():
        stages = reading["stages"]
        if len(numbers) not in (1, len(stages)):
            raise SpecError(
                f"epochs: reading '{name}' has {len(stages)} stages, {len(numbers)} numbers were given.",
                settings=("epochs",),
            )
        for stage, epochs in zip(stages, numbers * len(stages), strict=False):
            stage["epochs"] = epochs

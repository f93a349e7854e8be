"""What a search may change: settings by their dotted path, each with a range or some choices.

    training.learning_rates=log:1e-5..1e-2    a range, drawn evenly in its logarithm
    model.dropout=0.0..0.5                    a range; whole numbers where both ends are
    training.batch_size=16,32,64              choices

Only settings that leave images and split as they are: trials on other images could not be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leukolab.base.errors import SpecError, nearest
from leukolab.spec import StudySpec
from leukolab.spec.read import parse_study, put
from leukolab.spec.yaml_text import from_yaml

RATES = "learning_rates"
"""Last name of the settings that hold several values in a study, and one in a trial."""
GROUPS = ("image", "model", "training", "readings")
FORMS = "'model.dropout=0.0..0.5', 'training.learning_rates=log:1e-5..1e-2' or 'training.batch_size=16,32,64'"
Value = bool | int | float | str | None


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched: from `low` to `high`, or among `choices` where there are any."""

    path: str
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the range has whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def probes(self) -> tuple[Value, ...]:
        """Values that must all be allowed: every choice; of a range both ends and, of a broken one, a place inside."""
        inside = () if self.whole else (self.low + (self.high - self.low) / math.e,)
        return self.choices or (self.low, self.high, *inside)


def read_space(texts: Sequence[str], spec: StudySpec) -> tuple[Dimension, ...]:
    """The settings to search, as typed, each checked against the study.

    Raises:
        SpecError: one has another form, is no setting that may be searched, or has a value that may not be; or a
            trial would not be one model a fold.
    """
    _check_trains(spec)
    space = tuple(_dimension(text) for text in texts)
    for text, one in zip(texts, space, strict=True):
        group, _, inside = one.path.partition(".")
        name = inside.partition(".")[0]
        if group == "readings" and name not in spec.readings:
            raise SpecError(
                f"search '{text}': this study has no such reading. {nearest(name, spec.readings)}", settings=("search",)
            )
        if [other.path for other in space].count(one.path) > 1:
            raise _refused(text, "expected each setting once, got it twice.")
        for value in one.probes:
            _filled(spec, {one.path: value}, f"search '{text}'")
    _check_rates(spec, [one.path for one in space])
    return space


def _check_trains(spec: StudySpec) -> None:
    """A trial trains a network; what a method may try stands in its own file."""
    if not spec.readings:
        raise SpecError(
            f"search: expected a study that trains a network, found methods only ({', '.join(spec.methods)}). A method "
            "searches its settings itself, on inner folds: write 'search: {learner.parameters.C: [1, 2, 4]}' into its "
            "file, and run the study with that file.",
            settings=("search",),
        )


def filled(spec: StudySpec, values: Mapping[str, Any]) -> StudySpec:
    """The study with these values, by path; its runtime as it was.

    Raises:
        SpecError: the values do not go together.
    """
    where = ", ".join(f"{path}={value}" for path, value in values.items())
    return _filled(spec, values, where)


def _filled(spec: StudySpec, values: Mapping[str, Any], where: str) -> StudySpec:
    raw = spec.model_dump(mode="json")
    for path, value in values.items():
        put(raw, path, [value] if path.endswith(f".{RATES}") else value)
    return parse_study(raw, where).model_copy(update={"runtime": spec.runtime})


def _dimension(text: str) -> Dimension:
    path, equals, values = text.partition("=")
    if not equals or not path or not values:
        raise _refused(text, f"expected a setting and its values, such as {FORMS}.")
    group, *rest = path.split(".")
    if group not in GROUPS or (group == "readings" and not {"stages", RATES} & set(rest[1:2])):
        raise _refused(
            text,
            "expected a setting of image, model or training, or a stage of a reading "
            "(such as readings.two_stage.stages.1.epochs): a search leaves images and split as they are.",
        )
    if ".." in values:
        return _range(text, path, values)
    choices = tuple(_value(text, choice) for choice in values.split(","))
    if len(set(map(repr, choices))) < max(2, len(choices)):
        raise SpecError(
            f"search '{text}': expected a range or several choices, each once, such as {FORMS}.", settings=("search",)
        )
    return Dimension(path, choices=choices)


def _range(text: str, path: str, values: str) -> Dimension:
    log = values.startswith("log:")
    ends = [_number(end) for end in values.removeprefix("log:").split("..")]
    numbers = [end for end in ends if end is not None]
    if not len(ends) == len(numbers) == 2 or numbers[0] >= numbers[1] or (log and numbers[0] <= 0):
        above = ", both above 0" if log else ""
        raise SpecError(
            f"search '{text}': expected two numbers LOW..HIGH{above}, such as {FORMS}.", settings=("search",)
        )
    if not all(isinstance(number, int) for number in numbers):
        numbers = [float(number) for number in numbers]
    return Dimension(path, numbers[0], numbers[1], log)


def _number(word: str) -> int | float | None:
    """A word as a finite number, None where it is none; YAML would take `1e-5` for text."""
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word) if math.isfinite(float(word)) else None
    except ValueError:
        return None


def _value(text: str, word: str) -> Value:
    """A word as a number where it is one, else as YAML."""
    number = _number(word)
    if number is not None:
        return number
    try:
        value = from_yaml(word)
    except ValueError:
        value = ()
    if not isinstance(value, str | bool | None):
        raise SpecError(
            f"search '{text}': expected numbers or words, got '{word}'. Write it like {FORMS}.", settings=("search",)
        )
    return value


def _refused(text: str, what: str) -> SpecError:
    return SpecError(f"search '{text}': {what}", settings=("search",))


def _check_rates(spec: StudySpec, paths: Sequence[str]) -> None:
    """A trial is one model a fold: one reading, and one learning rate that counts."""
    if len(spec.readings) > 1:
        names = ", ".join(spec.readings)
        raise SpecError(
            f"a search tunes one reading, this study has {names}: choose one of its readings.", settings=("readings",)
        )
    [(name, reading)] = spec.readings.items()
    place = f"readings.{name}.{RATES}" if reading.learning_rates else f"training.{RATES}"
    rates = reading.learning_rates or spec.training.learning_rates
    searched = [path for path in paths if RATES in path.split(".")]
    if len(searched) > 1 or (reading.learning_rates and searched not in ([], [place])):
        raise SpecError(f"search '{searched[0]}': expected one setting for the learning rate, {place}.")
    if not searched and len(rates) > 1:
        raise SpecError(
            f"{place}: a trial trains with one rate, this study has {len(rates)}: "
            f"set {place}=[{rates[0]:g}], or search it: '{place}=log:1e-5..1e-2'.",
            settings=(place, "search"),
        )

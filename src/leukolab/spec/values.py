"""What a setting may hold, where that is more than a number or a word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
"""Names that Windows keeps for devices."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _each_once(rates: tuple[float, ...]) -> tuple[float, ...]:
    if len({f"{rate:g}" for rate in rates}) < len(rates):
        raise ValueError("expected each learning rate once, to six digits (jobs are named by them)")
    return rates


def _folder_name(name: str) -> str:
    if not _FOLDER.fullmatch(name) or _RESERVED.fullmatch(name):
        raise ValueError(
            "expected a name of 1 to 40 letters (a to z), digits, '_' and '-', the first no '-', as folders bear it, "
            f"got {name[:60]!r}"
        )
    return name


def switch(given: object) -> object:
    """`off` and `on` as YAML reads them: false and true."""
    return ("off", "auto")[given] if isinstance(given, bool) else given


def control_sign(settings: Any, path: str = "") -> str | None:
    """Path of the first key or text in nested settings that holds a control character; None where there is none."""
    if isinstance(settings, str):
        return path if _CONTROL.search(settings) else None
    if isinstance(settings, Mapping):
        inside = [(key, name) for name in settings for key in (name, settings[name])]
    elif isinstance(settings, Sequence) and not isinstance(settings, bytes):
        inside = [(value, number) for number, value in enumerate(settings)]
    else:
        return None
    found = (control_sign(value, f"{path}.{name}" if path else str(name)) for value, name in inside)
    return next((place for place in found if place is not None), None)


Fraction = Annotated[float, Field(gt=0, lt=1)]
FolderName = Annotated[str, AfterValidator(_folder_name)]
"""A name of the study's own that folders, files and printed commands bear."""
Rates = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1e37, allow_inf_nan=False)], ...],
    Field(min_length=1, max_length=100),
    AfterValidator(_each_once),
]
"""Learning rates, one at least."""
ClassName = Annotated[str, Field(min_length=1, coerce_numbers_to_str=True)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]
"""Patterns of file names; one alone may stand without a list."""
MOST_PARTS, MOST_EPOCHS, MOST_BATCH = 10_000, 10_000, 4096
Parts = Annotated[tuple[Annotated[int, Field(ge=1, le=MOST_PARTS)], ...], Field(min_length=1, max_length=MOST_PARTS)]
"""Outer parts, from 1."""
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Batch = Annotated[int, Field(ge=1, le=MOST_BATCH)]
"""Images that are computed together."""

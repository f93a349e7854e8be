"""Tables as CSV: no cell begins like a formula, so a spreadsheet runs nothing, and our readers take the mark off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a spreadsheet knows a formula, perhaps behind marks."""
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
MARK = "'"


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV without its index; texts that begin like a formula get a `'` in front."""
    text = table.rename(columns=lambda name: guarded(str(name)))
    for place, kind in enumerate(table.dtypes):
        if kind.kind not in "biuf":
            column = table.iloc[:, place]
            marked = column.map(lambda value: guarded(value) if isinstance(value, str) else value)
            text.isetitem(place, marked.to_numpy(object))
    return str(text.to_csv(index=False, lineterminator="\n"))


def guarded(text: str) -> str:
    """A cell as `csv_text` writes it; numbers stay as they are."""
    return f"{MARK}{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` marked."""
    return text[1:] if text.startswith(MARK) and _FORMULA.match(text) else text

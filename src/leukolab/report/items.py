"""What a page is made of: figures, tables and galleries in sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from leukolab.report.texts import MISSING, Texts

Form = Literal["text", "count", "score", "rate", "p"]


@dataclass(frozen=True)
class Column:
    """One column of a table: where it comes from, how it is headed and written."""

    name: str
    header: str
    form: Form = "score"

    @property
    def numeric(self) -> bool:
        """Whether it is set flush right."""
        return self.form != "text"


@dataclass(frozen=True)
class Sheet:
    """A table: `frame` goes to CSV as it is, the columns to the page and to LaTeX in readable form.

    `shown` is the frame of the page where that is another one (a wide view of a long table).
    """

    key: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    shown: pd.DataFrame | None = None
    suffix: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    strong: frozenset[int] = frozenset()
    """Rows (by position) that are set apart, such as published figures."""

    @property
    def page_frame(self) -> pd.DataFrame:
        """The frame the page shows."""
        return self.frame if self.shown is None else self.shown


@dataclass(frozen=True)
class Drawing:
    """A figure, drawn when it is written; `narrow` is the same for a phone's width."""

    key: str
    draw: Callable[[], Figure]
    narrow: Callable[[], Figure] | None = None
    suffix: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    least_px: int = 480
    """Width under which the page scrolls the figure instead of shrinking it."""
    frame: pd.DataFrame | None = None
    """The numbers that are drawn, for a CSV file beside the figure; none where another table has them."""


@dataclass(frozen=True)
class Tile:
    """One picture of a gallery: a data URI, two lines, and whether it is a missed blast."""

    picture: str
    title: str
    note: str
    name: str
    alarm: bool = False


@dataclass(frozen=True)
class Gallery:
    """Pictures in rows, each row with a heading."""

    key: str
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]
    draw: Callable[[], Figure] | None = None
    frame: pd.DataFrame | None = None
    suffix: str = ""
    values: dict[str, Any] = field(default_factory=dict)


Item = Sheet | Drawing | Gallery


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own."""

    key: str
    items: tuple[Item, ...]


def written(value: Any, form: Form, texts: Texts) -> str:
    """A value as the page shows it, in the language of the texts."""
    if pd.isna(value):
        return MISSING
    if form == "text":
        return str(value)
    number = float(value)
    if form == "count":
        return texts.number(number, ",.0f").replace(",", "\u202f")
    if form == "rate":
        return texts.localised(np.format_float_positional(number, trim="-"))
    if form == "p" and number < 0.001:
        return f"< {texts.number(0.001)}"
    return texts.number(number)


def cells(sheet: Sheet, texts: Texts) -> list[list[str]]:
    """The table's body in readable form, row by row."""
    frame = sheet.page_frame
    taken = [[written(value, column.form, texts) for value in frame[column.name]] for column in sheet.columns]
    return [list(row) for row in zip(*taken, strict=True)]

"""What the search saw of the images themselves: such as hold nothing, or are unlike the others; and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from leukolab.audit.looks import CELL, FIELD, UNREAD
from leukolab.audit.twins import Twins
from leukolab.base.findings import Finding

NAMED = 20
"""Names listed in one finding; its count says how many there are."""

_ONE_COLOUR = 1.0
_USUAL = 0.9


def odd(twins: Twins) -> tuple[Finding, ...]:
    """Unreadable, empty and unusual images, and a search that had too little to learn from."""
    return (*_images(twins), *_search(twins))


def _search(twins: Twins) -> Iterator[Finding]:
    searched = twins.thresholds[twins.thresholds["searched"] > 0]
    fixed = searched[searched["known_false"] == 0]
    if len(fixed):
        yield Finding("audit.fixed_threshold", "warning", {"threshold": float(fixed["threshold"].max())})
    if searched["full"].any():
        yield Finding("audit.many_alike", "warning")


def _images(twins: Twins) -> Iterator[Finding]:
    table = twins.looks.table
    unread = table[table["form"] == UNREAD]
    if len(unread):
        yield Finding("audit.unreadable", "problem", listed(len(unread), unread["image_id"]))
    seen = table[table["form"] != UNREAD]
    flat = seen["deviation"] < _ONE_COLOUR
    if flat.any():
        yield Finding("audit.one_colour", "problem", listed(int(flat.sum()), seen.loc[flat, "image_id"]))
    textured = np.asarray(twins.looks.textures.any(axis=(1, 2)))
    blank = ~flat & ~textured[seen.index]
    if blank.any():
        yield Finding("audit.no_cell", "warning", listed(int(blank.sum()), seen.loc[blank, "image_id"]))
    yield from _odd_size(seen)
    cells, fields = (int((seen["form"] == form).sum()) for form in (CELL, FIELD))
    if cells and fields:
        yield Finding("audit.mixed_forms", "warning", {"cells": cells, "fields": fields})


def _odd_size(seen: pd.DataFrame) -> Iterator[Finding]:
    """Images of another size than nine in ten have."""
    sizes = seen.groupby(["width", "height"]).size()
    if len(sizes) < 2 or sizes.max() < _USUAL * len(seen):
        return
    width, height = (int(seen[name].mode()[0]) for name in ("width", "height"))
    others = seen[(seen["width"] != width) | (seen["height"] != height)]
    yield Finding(
        "audit.odd_size", "warning", {"width": width, "height": height} | listed(len(others), others["image_id"])
    )


def listed(count: int, names: Iterable[object]) -> dict[str, Any]:
    """A count, and its first names."""
    return {"count": count, "named": [str(name) for name, _ in zip(names, range(NAMED), strict=False)]}

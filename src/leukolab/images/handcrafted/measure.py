"""The families of handcrafted features, and all numbers of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from leukolab.images.decode import Pixels
from leukolab.images.handcrafted.cell import Cell, Measured, cell_of
from leukolab.images.handcrafted.colour import colour
from leukolab.images.handcrafted.focus import focus
from leukolab.images.handcrafted.nucleus import nucleus
from leukolab.images.handcrafted.outline import outline, size
from leukolab.images.handcrafted.texture import texture

HANDCRAFTED_VERSION = 1
"""Raised by hand when the same image would give other numbers."""
FAMILIES: dict[str, Callable[[Cell], Measured]] = {
    "size": size,
    "outline": outline,
    "colour": colour,
    "texture": texture,
    "focus": focus,
    "nucleus": nucleus,
}
"""What is measured of a cell, by the name of its family."""


@dataclass(frozen=True)
class Feature:
    """One number of a cell. A unit that is empty stands for a share, a ratio or a count."""

    family: str
    name: str
    unit: str


def measure(image: Pixels, families: Sequence[str] = tuple(FAMILIES)) -> NDArray[np.float32]:
    """Numbers of the cell of an image; every image has all of them, and each is finite.

    Args:
        image: uint8 (h, w, 3); the cell is what is not black, or the whole field where no black surrounds it.
        families: of `FAMILIES`, in the order that is wanted.

    Returns:
        float32 (d,), in the order of `features(families)`.
    """
    cell = cell_of(image)
    return np.array([value for family in families for value in FAMILIES[family](cell).values()], dtype=np.float32)


@cache
def features(families: tuple[str, ...] = tuple(FAMILIES)) -> tuple[Feature, ...]:
    """What `measure` measures, in its order."""
    blank = cell_of(np.zeros((8, 8, 3), dtype=np.uint8))
    return tuple(Feature(family, *key) for family in families for key in FAMILIES[family](blank))

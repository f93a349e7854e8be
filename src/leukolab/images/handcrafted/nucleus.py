"""The nucleus, which absorbs most green, the cytoplasm around it, and the rim of the cell."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from leukolab.images.handcrafted.cell import Cell, Floats, Measured, edge_of, roundness, shape_of
from leukolab.images.masks import Mask, largest_piece, otsu

RIM_SHARE = 0.05
"""Width of the rim, as a share of the cell's equivalent diameter."""
MOST_RATIO = 100.0
CHANNELS = ("red", "green", "blue")


def nucleus(cell: Cell) -> Measured:
    """How large the nucleus is and where, its outline, and the colours of nucleus, cytoplasm and rim."""
    mask, pieces, separation = _nucleus(cell)
    cytoplasm, shape = cell.mask & ~mask, shape_of(mask)
    rim = cell.mask & (cell.depth <= max(2.0, RIM_SHARE * cell.shape.equivalent_diameter_area))
    offset = np.hypot(*np.subtract(shape.centroid, cell.shape.centroid)) / cell.shape.equivalent_diameter_area
    edge = edge_of(mask)
    width = cell.depth[edge]
    return {
        ("nucleus area", "px²"): shape.area,
        ("nucleus share", ""): shape.area / cell.shape.area,
        ("nucleus to cytoplasm", ""): min(shape.area / max(int(cytoplasm.sum()), 1), MOST_RATIO),
        ("nucleus pieces", ""): pieces,
        ("nucleus separation", ""): separation,
        **{(f"nucleus {name}", ""): value for name, value in roundness(edge, shape).items()},
        ("nucleus offset", ""): offset,
        ("cytoplasm width", "px"): width.mean(),
        ("cytoplasm width deviation", "px"): width.std(),
        ("nucleus share of rim", ""): (mask & rim).sum() / rim.sum(),
        **_colours(cell, "nucleus", mask),
        **_colours(cell, "cytoplasm", cytoplasm if cytoplasm.any() else cell.mask),
        **_colours(cell, "rim", rim),
    }


def _nucleus(cell: Cell) -> tuple[Mask, int, float]:
    """The largest piece below Otsu's threshold of green, how many there are, and how far both sides lie apart.

    The separation is the variance between both sides over all variance, from 0 to 1; Otsu 1979.
    """
    green = cell.inside[:, 1]
    threshold = otsu(green)
    dark = green <= threshold
    _, pieces = ndimage.label(opened := ndimage.binary_opening(cell.mask & (cell.pixels[:, :, 1] <= threshold)))
    mask = largest_piece(opened) if pieces else cell.mask
    return mask, pieces, _between(green.astype(np.float64), dark)


def _between(values: Floats, dark: Mask) -> float:
    share, variance = dark.mean(), values.var()
    if variance == 0 or share in (0, 1):
        return 0.0
    return float(share * (1 - share) * (values[dark].mean() - values[~dark].mean()) ** 2 / variance)


def _colours(cell: Cell, what: str, where: Mask) -> Measured:
    colours, stains = cell.pixels[where], cell.stains[where[cell.mask]]
    return {
        **{(f"{what} {name} mean", "of 255"): colours[:, n].mean() for n, name in enumerate(CHANNELS)},
        (f"{what} green deviation", "of 255"): colours[:, 1].std(),
        (f"{what} haematoxylin mean", "OD"): stains[:, 0].mean(),
        (f"{what} eosin mean", "OD"): stains[:, 1].mean(),
    }

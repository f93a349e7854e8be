"""Numbers that need no network: 27 of the whole image's colour, 24 of the cell's size and colour.

They feed the shortcut probe: what these alone reach, a network has not earned.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from leukolab.images.decode import Pixels
from leukolab.images.geometry import thinned
from leukolab.images.masks import Mask, cell_mask

_CHANNELS = ("red", "green", "blue")
_STRIP_ROWS = 1024
_WHOLE_PERCENTILES = (5, 25, 50, 75, 95)
_CELL_PERCENTILES = (10, 25, 50, 90)

COLOUR_NAMES: tuple[str, ...] = (
    *(f"{channel}_{what}" for channel in _CHANNELS for what in ("mean", "sd", "p5", "p25", "p50", "p75", "p95")),
    *(f"{channel}_{what}" for channel in ("hue", "saturation", "value") for what in ("mean", "sd")),
)
"""Names of the 27 numbers of `colour_statistics`."""

CELL_NAMES: tuple[str, ...] = (
    *("area_px", "width_px", "height_px", "perimeter_px", "eccentricity", "solidity"),
    *(f"cell_{channel}_{what}" for channel in _CHANNELS for what in ("mean", "sd", "p10", "p25", "p50", "p90")),
)
"""Names of the 24 numbers of `cell_statistics`."""


def colour_statistics(image: Pixels) -> NDArray[np.float64]:
    """Colour of the whole image, background included: RGB mean, deviation, percentiles; HSV mean, deviation.

    Args:
        image: uint8 (h, w, 3).

    Returns:
        float64 (27,), each from 0 to 255, in the order of `COLOUR_NAMES`.
    """
    rgb, hsv = np.zeros((2, 3, 256), dtype=np.int64)
    for top in range(0, len(image), _STRIP_ROWS):
        picture = Image.fromarray(image[top : top + _STRIP_ROWS])
        rgb, hsv = rgb + _histograms(picture), hsv + _histograms(picture.convert("HSV"))
    numbers = [_summary(counts, _WHOLE_PERCENTILES) for counts in rgb] + [_summary(counts, ()) for counts in hsv]
    return np.concatenate(numbers)


def cell_statistics(image: Pixels, mask: Mask | None = None) -> NDArray[np.float64]:
    """Size, shape and colour of the cell. Give it the image at full resolution: size survives only where scale does.

    Args:
        image: uint8 (h, w, 3); a very large one is measured as `geometry.thinned` gives it.
        mask: bool (h, w); `cell_mask(image)` where None.

    Returns:
        float64 (24,) in the order of `CELL_NAMES`; sizes in pixels; all 0 where the mask is empty.
    """
    image, step = thinned(image)
    mask = cell_mask(image) if mask is None else mask[::step, ::step]
    if not mask.any():
        return np.zeros(len(CELL_NAMES))
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside = image[box][mask[box]]
    colours = [_summary(np.bincount(inside[:, channel], minlength=256), _CELL_PERCENTILES) for channel in range(3)]
    return np.concatenate([_shape(mask[box]) * [step**2, step, step, step, 1, 1], *colours])


def _histograms(picture: Image.Image) -> NDArray[np.int64]:
    return np.array(picture.histogram(), dtype=np.int64).reshape(3, 256)


def _summary(counts: NDArray[np.int64], percentiles: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean, deviation and percentiles of values from 0 to 255, from how often each occurs."""
    total = counts.sum()
    values = np.arange(256)
    mean = float(counts @ values) / total
    deviation = np.sqrt(max(0.0, float(counts @ (values - mean) ** 2) / total))
    wanted = np.array(percentiles, dtype=np.float64) / 100 * total
    return np.concatenate([[mean, deviation], np.searchsorted(np.cumsum(counts), wanted)])


def _shape(piece: Mask) -> NDArray[np.float64]:
    """Area, box, perimeter, eccentricity and solidity of a mask cut to its box."""
    height, width = piece.shape
    area = int(piece.sum())
    edge = piece & ~ndimage.binary_erosion(piece)
    return np.array([area, width, height, _perimeter(piece), _eccentricity(piece), solidity(edge, area)])


def _perimeter(piece: Mask) -> float:
    """Length of the outline by Cauchy and Crofton: changes along rows, columns and both diagonals."""
    padded = np.pad(piece, 1)
    straight = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    slanted = np.count_nonzero(padded[1:, 1:] != padded[:-1, :-1]) + np.count_nonzero(
        padded[1:, :-1] != padded[:-1, 1:]
    )
    return float(np.pi / 8 * (straight + slanted / np.sqrt(2)))


def _eccentricity(piece: Mask) -> float:
    """Of the ellipse with the same second moments: 0 a circle, towards 1 a line."""
    spread = np.cov(np.array(np.nonzero(piece), dtype=np.float64), bias=True) + np.eye(2) / 12
    small, large = np.linalg.eigvalsh(spread)
    return float(np.sqrt(max(0.0, 1 - small / large)))


def solidity(edge: Mask, area: int) -> float:
    """Area over the area of the convex hull, from 0 to 1; 1 has no dents.

    Args:
        edge: the outermost pixels of a piece, bool (h, w). area: of the whole piece, in pixels.
    """
    rows, columns = np.nonzero(edge)
    corners = np.concatenate([np.stack([rows + dy, columns + dx], axis=1) for dy in (0, 1) for dx in (0, 1)])
    try:
        return min(1.0, area / float(ConvexHull(corners).volume))
    except QhullError:
        return 1.0

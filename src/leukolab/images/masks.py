"""Which pixels are the cell: brighter than black, or more strongly stained than the smear around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from leukolab.images.decode import Pixels

Mask = NDArray[np.bool_]

BLACK = 12
"""Brightest channel value that still counts as black; leaves room for the noise of lossy files."""

_NEAR_LARGEST = 0.25


def black_background(image: Pixels) -> bool:
    """Whether the cell was cut out on black: at least four in five border pixels are black."""
    edges = (image[0], image[-1], image[:, 0], image[:, -1])
    border = np.concatenate(edges).max(axis=1)
    return bool(np.mean(border <= BLACK) >= 0.8)


def cell_mask(image: Pixels) -> Mask:
    """The cell: on black the largest bright piece; on a smear the strongly stained piece nearest the middle.

    Args:
        image: uint8 (h, w, 3).

    Returns:
        bool (h, w), one connected piece without holes; all False where nothing stands out.

    Source: threshold by Otsu 1979 on the purple stain, the excess of red and blue over green.
    """
    if black_background(image):
        return largest_piece(_not_black(image))
    stain = _stain(image)
    return _most_central(stain > otsu(stain))


def bright_mask(image: Pixels) -> Mask:
    """The largest piece that is not black, holes filled; all True where everything is black.

    Args:
        image: uint8 (h, w, 3); one that no black surrounds is one piece.

    Returns:
        bool (h, w).
    """
    bright = largest_piece(_not_black(image))
    return bright if bright.any() else ~bright


def otsu(values: NDArray[np.uint8]) -> int:
    """Threshold that parts a uint8 array in two with the largest variance between; Otsu 1979."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    above = below[-1] - below
    moment = np.cumsum(counts * np.arange(256))
    gap = moment[-1] * below - below[-1] * moment
    between = gap**2 / np.maximum(below * above, 1.0)
    return int(np.argmax(between))


def _not_black(image: Pixels) -> Mask:
    return np.asarray(np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2]) > BLACK)


def _stain(image: Pixels) -> NDArray[np.uint8]:
    red, green, blue = (image[:, :, channel].astype(np.int16) for channel in range(3))
    # Nuclei are purple: red and blue both pass, green does not. Red cells lack red or blue beside their green.
    return np.asarray(np.clip(np.minimum(red, blue) - green, 0, 255), dtype=np.uint8)


def largest_piece(bright: Mask) -> Mask:
    """The largest connected piece of a mask, holes filled; an empty mask as it is."""
    pieces, count = ndimage.label(bright)
    if count == 0:
        return bright
    return _filled(pieces, int(np.argmax(_sizes(pieces))))


def _most_central(stained: Mask) -> Mask:
    pieces, count = ndimage.label(ndimage.binary_opening(stained, iterations=1))
    if count == 0:
        return np.zeros_like(stained)
    sizes = _sizes(pieces)
    large = np.flatnonzero(sizes >= _NEAR_LARGEST * sizes.max())
    middle = np.array(stained.shape) / 2
    centres = np.array(ndimage.center_of_mass(stained, pieces, large))
    return _filled(pieces, int(large[np.argmin(((centres - middle) ** 2).sum(axis=1))]))


def _sizes(pieces: NDArray[np.int32]) -> NDArray[np.int64]:
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return sizes


def _filled(pieces: NDArray[np.int32], number: int) -> Mask:
    """One piece, its holes filled."""
    box = ndimage.find_objects(pieces, max_label=number)[number - 1]
    filled = np.zeros(pieces.shape, dtype=bool)
    filled[box] = ndimage.binary_fill_holes(pieces[box] == number)
    return filled

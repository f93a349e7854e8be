"""Texture of the cell's luminance: local patterns, co-occurring grey values, and grains by their size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from leukolab.images.handcrafted.cell import Cell, Measured
from leukolab.images.masks import Mask

SCALES = (1, 2, 4)
"""Patterns and grains are looked for in the cell as it is and in means over blocks of this edge, in pixels."""
POINTS = 8
DISTANCES = (1, 2, 4, 8)
LEVELS = 64
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")


def texture(cell: Cell) -> Measured:
    """Local binary patterns, co-occurrences over four angles, and what openings and closings take away."""
    found = _pairs(cell)
    for scale in SCALES:
        grey, core = _smaller(cell, scale)
        found |= _patterns(grey, core, scale) | _grains(grey, core, scale)
    return found


def _smaller(cell: Cell, scale: int) -> tuple[NDArray[np.uint8], Mask]:
    """Luminance as means over blocks, and the blocks that lie in the core; all of them where none does."""
    from skimage.measure import block_reduce

    if scale == 1:
        return cell.grey, cell.core
    core = block_reduce(cell.core, scale, np.min)
    grey = np.rint(block_reduce(cell.grey, scale, np.mean, cval=int(cell.grey[0, 0]))).astype(np.uint8)
    return grey, core if core.any() else np.ones_like(core)


def _patterns(grey: NDArray[np.uint8], core: Mask, scale: int) -> Measured:
    """Shares of the rotation-invariant uniform patterns; Ojala, Pietikäinen, Mäenpää 2002."""
    from skimage.feature import local_binary_pattern

    codes = local_binary_pattern(grey, POINTS, 1, method="uniform")[core].astype(np.int64)
    shares = np.bincount(codes, minlength=POINTS + 2) / len(codes)
    return {(f"pattern {n} at {scale} px", ""): share for n, share in enumerate(shares)}


def _grains(grey: NDArray[np.uint8], core: Mask, scale: int) -> Measured:
    """Mean luminance that openings take away and closings add, by a disc of one block's radius; Serra 1982."""
    from skimage.morphology import disk

    bright = grey - ndimage.grey_opening(grey, footprint=disk(1))
    dark = ndimage.grey_closing(grey, footprint=disk(1)) - grey
    return {
        (f"bright grains of {scale} px", "of 255"): bright[core].mean(),
        (f"dark grains of {scale} px", "of 255"): dark[core].mean(),
    }


def _pairs(cell: Cell) -> Measured:
    """Haralick's features at several distances, pairs of four angles together; those that leave the cell do not count.

    Source: Haralick, Shanmugam, Dinstein 1973.
    """
    from skimage.feature import graycomatrix, graycoprops

    levels = np.where(cell.core, cell.grey // (256 // LEVELS) + 1, 0).astype(np.uint8)
    counts: NDArray[Any] = graycomatrix(levels, DISTANCES, np.arange(4) * np.pi / 4, LEVELS + 1, symmetric=True)
    pairs = counts[1:, 1:].sum(axis=3, keepdims=True)
    return {
        (f"{name} at {distance} px", ""): value
        for name in PROPERTIES
        for distance, value in zip(DISTANCES, graycoprops(pairs, name)[:, 0], strict=True)
    }

"""The cell cut to its box: what every family of features measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from leukolab.images.colour import solidity
from leukolab.images.decode import Pixels
from leukolab.images.masks import Mask, bright_mask

Floats = NDArray[np.float64]
Measured = dict[tuple[str, str], float]
"""Values by name and unit, in order; what has no unit is a share, a ratio or a count."""
RIM_PX = 3
"""Texture and sharpness leave out this much of the cell's rim, where black shows through."""


@dataclass(frozen=True)
class Cell:
    """A cell cut to its box, with one pixel of black around it.

    Attributes:
        pixels: uint8 (h, w, 3). mask: bool (h, w), never empty.
    """

    pixels: Pixels = field(repr=False)
    mask: Mask = field(repr=False)

    @cached_property
    def inside(self) -> NDArray[np.uint8]:
        """Colours of the cell's pixels, uint8 (n, 3)."""
        return self.pixels[self.mask]

    @cached_property
    def stains(self) -> Floats:
        """Optical density of haematoxylin and eosin of the cell's pixels, float64 (n, 2).

        Source: Ruifrok and Johnston 2001, as scikit-image has it.
        """
        from skimage.color import rgb2hed

        return np.asarray(rgb2hed(self.inside)[:, :2])

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """Luminance, uint8 (h, w); outside the cell its mean, so that the rim makes no edge."""
        grey = (self.pixels @ np.array([299, 587, 114], dtype=np.uint32) // 1000).astype(np.uint8)
        grey[~self.mask] = round(float(grey[self.mask].mean()))
        return grey

    @cached_property
    def depth(self) -> Floats:
        """Distance of each pixel to what is outside, in pixels, float64 (h, w)."""
        return np.asarray(ndimage.distance_transform_edt(self.mask))

    @cached_property
    def core(self) -> Mask:
        """The cell without its rim; all of a cell that is nothing but rim."""
        core = self.depth > RIM_PX
        return core if core.any() else self.mask

    @cached_property
    def edge(self) -> Mask:
        """The outermost pixels of the cell, bool (h, w)."""
        return edge_of(self.mask)

    @cached_property
    def shape(self) -> Any:
        """What scikit-image measures of the outline."""
        return shape_of(self.mask)


def cell_of(image: Pixels) -> Cell:
    """The cell of an image: the largest piece that is not black, or the whole field where all is black.

    Args:
        image: uint8 (h, w, 3).
    """
    mask = bright_mask(image)
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    return Cell(np.pad(image[box], ((1, 1), (1, 1), (0, 0))), np.pad(mask[box], 1))


def shape_of(mask: Mask) -> Any:
    """scikit-image's measures of one piece."""
    from skimage.measure import regionprops

    return regionprops(mask.astype(np.uint8))[0]


def edge_of(mask: Mask) -> Mask:
    """The outermost pixels of a piece, bool (h, w)."""
    return np.asarray(mask & ~ndimage.binary_erosion(mask))


def roundness(edge: Mask, shape: Any) -> dict[str, float]:
    """How round and smooth one piece is; a form factor of 4 pi area / perimeter^2 is 1 of a disc, less of others."""
    return {
        "eccentricity": shape.eccentricity,
        "solidity": solidity(edge, shape.area),
        "form factor": 4 * np.pi * shape.area / max(shape.perimeter_crofton, 1.0) ** 2,
    }

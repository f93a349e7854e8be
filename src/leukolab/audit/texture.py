"""The fine texture of an image as 48 x 48 numbers, alike for two cuttings of one cell and unlike for two cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from leukolab.images.decode import Pixels
from leukolab.images.masks import Mask

Floats = NDArray[np.float32]

EDGE_PX = 48
_COARSE_PX = 4.0
_CONTRAST_PX = 8.0
_RIM_PX = 3
_NOISE = 4.0
_SMALLEST_PX = 400


def cell_texture(image: Pixels, mask: Mask) -> Floats:
    """Texture inside the outline: cut to the mask, shrunk, freed of its slow part and of its local contrast.

    The outermost 3 of 48 px are left out, so an outline drawn a little elsewhere changes nothing but the scale.

    Args:
        image: uint8 (h, w, 3).
        mask: bool (h, w), the cell.

    Returns:
        float32 (48, 48) of mean 0 and norm 1 over the cell, 0 elsewhere; all 0 where the cell is under 400 px
        large or has no texture.
    """
    if np.count_nonzero(mask) < _SMALLEST_PX:
        return np.zeros((EDGE_PX, EDGE_PX), dtype=np.float32)
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inside = mask[box]
    grey = _shrunk(_grey(image[box]) * inside)
    cell = _shrunk(inside.astype(np.float32)) > 0.5
    return _texture(grey, cell, ndimage.binary_erosion(cell, iterations=_RIM_PX))


def field_texture(image: Pixels) -> Floats:
    """Texture of a whole field, as `cell_texture` takes it inside an outline; float32 (48, 48)."""
    whole = np.ones((EDGE_PX, EDGE_PX), dtype=bool)
    return _texture(_shrunk(_grey(image)), whole, whole)


def _grey(image: Pixels) -> Floats:
    return image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _shrunk(plane: Floats) -> Floats:
    resized = Image.fromarray(plane).resize((EDGE_PX, EDGE_PX), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.float32)


def _texture(grey: Floats, cell: Mask, core: Mask) -> Floats:
    fine = grey - _blur(grey, cell, _COARSE_PX)
    contrast = np.sqrt(_blur(fine**2, core, _CONTRAST_PX) + _NOISE)
    even = np.where(core, fine / contrast, np.float32(0))
    even -= np.where(core, even.sum() / max(1, np.count_nonzero(core)), np.float32(0))
    return np.asarray(even / max(float(np.linalg.norm(even)), 1e-3), dtype=np.float32)


def _blur(plane: Floats, where: Mask, sigma: float) -> Floats:
    """Gaussian mean of the pixels in `where` alone."""
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(where, plane, np.float32(0)), sigma, mode="constant")
    return np.asarray(total / np.maximum(weight, np.float32(1e-3)), dtype=np.float32)

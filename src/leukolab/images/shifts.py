"""Pixels changed by a known strength: colour, size, stain, focus, brightness. Strength 0 is the image as it is.

A cell cut out on black is changed inside its mask alone: what is outside stays as it is. Any other image is changed
everywhere, but for `size`, which needs the outline of the cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from leukolab.images.decode import Pixels
from leukolab.images.masks import Mask, black_background, cell_mask

Floats = NDArray[np.float32]

SHIFTS_VERSION = 1
"""Raised by hand when the same image and strength would give other pixels."""

AS_THEY_ARE = "none"
"""What stands for a kind where nothing was changed."""

STRENGTHS: dict[str, tuple[float, ...]] = {
    "colour": (0.5, 1.0),
    "size": (0.5, 1.0),
    "stain": (-0.4, -0.2, 0.2, 0.4),
    "focus": (1.0, 2.0, 3.0, 4.0),
    "brightness": (-0.2, 0.2),
}
"""Kind of change to the strengths that are tried, in the units of its function."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_TINY = 1e-3
"""Least share of a Gaussian inside the cell that is divided by."""


def shifted(image: Pixels, kind: str, strength: float, diameter_px: float = math.nan) -> Pixels:
    """An image changed by one kind of `STRENGTHS`.

    Args:
        image: uint8 (h, w, 3).
        kind: a key of `STRENGTHS`.
        strength: in the units of its function.
        diameter_px: the diameter that `size` aims at.

    Returns:
        uint8 (h, w, 3).
    """
    if not strength:
        return image
    return size(image, strength, diameter_px) if kind == "size" else _CHANGES[kind](image, strength)


def colour(image: Pixels, share: float) -> Pixels:
    """An image with that share of its colour taken away; with 1 it is grey, three equal channels.

    Args:
        image: uint8 (h, w, 3).
        share: from 0, as it is, to 1, its luminance alone.

    Source: luminance of ITU-R BT.601.
    """
    grey = (image @ _LUMINANCE)[..., None]
    return _inside(image, image + np.float32(share) * (grey - image))


def stain(image: Pixels, shift: float) -> Pixels:
    """An image with more haematoxylin and less eosin, or the reverse.

    Args:
        image: uint8 (h, w, 3).
        shift: haematoxylin is multiplied by 1 + shift, eosin by 1 - shift; from -1 to 1.

    Source: optical density taken apart into stains, Ruifrok and Johnston 2001; their vectors for haematoxylin, eosin
    and DAB, the third left as it is.
    """
    density = -np.log((image.astype(np.float32) + 1) / 256)
    scale = np.linalg.inv(_STAINS) @ np.diag([1 + shift, 1 - shift, 1]) @ _STAINS
    return _inside(image, 256 * np.exp(-density @ scale.astype(np.float32)) - 1)


def focus(image: Pixels, sigma_px: float) -> Pixels:
    """An image out of focus: blurred by a Gaussian.

    Inside a cell on black each pixel is the mean of cell pixels alone, so black does not darken the rim.

    Args:
        image: uint8 (h, w, 3).
        sigma_px: standard deviation in pixels of the image as it was taken.
    """
    mask = _changeable(image)
    weights = ndimage.gaussian_filter(mask.astype(np.float32), sigma_px)
    blurred = [ndimage.gaussian_filter(image[..., channel] * mask.astype(np.float32), sigma_px) for channel in range(3)]
    return _inside(image, np.stack(blurred, axis=-1) / np.maximum(weights, _TINY)[..., None], mask)


def brightness(image: Pixels, shift: float) -> Pixels:
    """An image with every value multiplied by 1 + shift; uint8 (h, w, 3)."""
    return _inside(image, image * np.float32(1 + shift))


def size(image: Pixels, share: float, diameter_px: float) -> Pixels:
    """A cell cut out on black, enlarged or reduced about its middle towards one diameter, the same for every cell.

    Bilinear and antialiased; black outside the cell. An image without a cell on black is returned as it is.

    Args:
        image: uint8 (h, w, 3).
        share: of the way, on a logarithmic scale; with 1 the cell has the diameter.
        diameter_px: of the circle with the area of the cell, in pixels.

    Returns:
        uint8 (h, w, 3); of a cell that becomes larger than the image the rim is lost.
    """
    mask = cell_mask(image) if black_background(image) else np.zeros(image.shape[:2], dtype=bool)
    if not mask.any():
        return image
    factor = (diameter_px / diameter(mask)) ** share
    cell = np.dstack([image, np.where(mask, 255, 0).astype(np.uint8)])
    found = _zoomed(cell, factor)
    return np.where(found[..., 3:] >= 128, found[..., :3], np.uint8(0))


def diameter(mask: Mask) -> float:
    """Diameter in pixels of the circle with the area of a mask, bool (h, w); 0 where it is empty."""
    return 2 * math.sqrt(int(mask.sum()) / math.pi)


_CHANGES: dict[str, Callable[[Pixels, float], Pixels]] = {
    "colour": colour,
    "stain": stain,
    "focus": focus,
    "brightness": brightness,
}


def _changeable(image: Pixels) -> Mask:
    """The cell of an image on black; every pixel of another."""
    return cell_mask(image) if black_background(image) else np.ones(image.shape[:2], dtype=bool)


def _inside(image: Pixels, values: Floats, mask: Mask | None = None) -> Pixels:
    """The image with these values, float (h, w, 3), where it may be changed."""
    mask = _changeable(image) if mask is None else mask
    return np.where(mask[..., None], np.clip(np.rint(values), 0, 255).astype(np.uint8), image)


def _zoomed(cell: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """RGBA uint8 (h, w, 4) enlarged by `factor` about the middle of what is opaque; transparent where it ends."""
    rows, columns = np.nonzero(cell[..., 3])
    middle = np.array([(columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2])
    extent = np.array([cell.shape[1], cell.shape[0]])
    low, high = middle - middle / factor, middle + (extent - middle) / factor
    pad = int(np.ceil(max(0, -low.min(), (high - extent).max())))
    padded = np.pad(cell, ((pad, pad), (pad, pad), (0, 0)))
    box = (*(low + pad), *(high + pad))
    # Pillow weighs colours by their opacity, so the black outside does not darken the rim.
    resized = Image.fromarray(padded).resize(tuple(extent), Image.Resampling.BILINEAR, box=box)
    return np.array(resized, dtype=np.uint8)

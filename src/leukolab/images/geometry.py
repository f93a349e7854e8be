"""Between the file and the network: an optional centred crop, then a square."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from leukolab.images.decode import Pixels

MEASURED_PIXELS = 1 << 24
"""Largest width times height that is measured pixel by pixel; images from microscopes have fewer."""


def fit(image: Pixels, size_px: int, crop_px: int | None = None) -> Pixels:
    """The square that the network sees: a centred crop, if any, then resized straight to the square.

    An oblong image is squeezed, as both studies do, not padded. The resize is bilinear and antialiased.

    Args:
        image: uint8 (h, w, 3).
        size_px: edge of the result.
        crop_px: edge of the centred square cut out first, black where the image is smaller.

    Returns:
        uint8 (size_px, size_px, 3).
    """
    if crop_px is not None:
        image = centre_crop(image, crop_px)
    if image.shape[:2] == (size_px, size_px):
        return image
    resized = Image.fromarray(image).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.array(resized, dtype=np.uint8)


def thinned(image: Pixels) -> tuple[Pixels, int]:
    """A very large image with every n-th row and column, and n; an image of up to `MEASURED_PIXELS` as it is, and 1.

    For numbers whose working copies would take gigabytes; lengths measured on it count n-fold, areas n * n-fold.
    """
    step = math.isqrt(-(-image.shape[0] * image.shape[1] // MEASURED_PIXELS) - 1) + 1
    return image[::step, ::step], step


def centre_crop(image: Pixels, crop_px: int) -> Pixels:
    """A centred square of `crop_px`, black where the image is smaller; uint8 (crop_px, crop_px, 3)."""
    height, width = image.shape[:2]
    crop = np.zeros((crop_px, crop_px, 3), dtype=np.uint8)
    taken_h, taken_w = min(height, crop_px), min(width, crop_px)
    top, left = (height - taken_h) // 2, (width - taken_w) // 2
    to_top, to_left = (crop_px - taken_h) // 2, (crop_px - taken_w) // 2
    crop[to_top : to_top + taken_h, to_left : to_left + taken_w] = image[top : top + taken_h, left : left + taken_w]
    return crop

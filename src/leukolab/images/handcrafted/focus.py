"""How sharp the cell is seen: edges and fine detail, which blur takes away first."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from leukolab.images.handcrafted.cell import Cell, Measured

WIDTHS = (1, 2, 4)
"""Standard deviations of the Gaussian before Laplace's operator, in pixels."""


def focus(cell: Cell) -> Measured:
    """Variance of the Laplacian, size of the gradient, and detail at three scales."""
    from skimage.filters import sobel

    grey = cell.grey.astype(np.float32)
    gradient, laplacian = sobel(grey)[cell.core], ndimage.laplace(grey)[cell.core]
    variance = float(laplacian.var(dtype=np.float64))
    return {
        ("Laplacian variance", ""): variance,
        ("Laplacian variance over that of luminance", ""): variance
        / (1 + float(grey[cell.core].var(dtype=np.float64))),
        ("gradient mean", "of 255 per px"): gradient.mean(dtype=np.float64),
        ("gradient median", "of 255 per px"): np.median(gradient),
        ("gradient p95", "of 255 per px"): np.percentile(gradient, 95),
        **{
            (f"detail of {width} px", "of 255"): ndimage.gaussian_laplace(grey, width)[cell.core].std(dtype=np.float64)
            for width in WIDTHS
        },
    }

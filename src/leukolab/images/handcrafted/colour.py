"""Colour of the cell: each channel's mean, deviation, skew and percentiles."""

from __future__ import annotations

import numpy as np

from leukolab.images.handcrafted.cell import Cell, Floats, Measured

PERCENTILES = (5, 50, 95)
_FLAT = 1e-6


def colour(cell: Cell) -> Measured:
    """RGB, CIELAB, and the optical densities of both stains."""
    from skimage.color import rgb2lab

    rgb, lab = cell.inside.astype(np.float64), rgb2lab(cell.inside.astype(np.float32) / 255)
    channels = [
        *((name, "of 255", rgb[:, n]) for n, name in enumerate(("red", "green", "blue"))),
        *((name, "CIELAB", lab[:, n]) for n, name in enumerate(("lightness", "green to red", "blue to yellow"))),
        ("chroma", "CIELAB", np.hypot(lab[:, 1], lab[:, 2])),
        *((name, "OD", cell.stains[:, n]) for n, name in enumerate(("haematoxylin", "eosin"))),
    ]
    return {key: value for name, unit, values in channels for key, value in _channel(name, unit, values).items()}


def _channel(name: str, unit: str, values: Floats) -> Measured:
    apart = values - values.mean()
    deviation, third = np.sqrt((apart * apart).mean()), (apart * apart * apart).mean()
    ranks = zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)
    return {
        (f"{name} mean", unit): values.mean(),
        (f"{name} deviation", unit): deviation,
        (f"{name} skew", ""): third / deviation**3 if deviation > _FLAT else 0.0,
        **{(f"{name} p{rank}", unit): value for rank, value in ranks},
    }

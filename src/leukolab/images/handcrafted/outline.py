"""How large the cell is, and how round and smooth its outline."""

from __future__ import annotations

import numpy as np

from leukolab.images.handcrafted.cell import Cell, Floats, Measured, roundness

ANGLES = 128
WAVES = range(2, 9)


def size(cell: Cell) -> Measured:
    """Area and lengths."""
    shape = cell.shape
    return {
        ("area", "px²"): shape.area,
        ("equivalent diameter", "px"): shape.equivalent_diameter_area,
        ("major axis", "px"): shape.axis_major_length,
        ("minor axis", "px"): shape.axis_minor_length,
        ("perimeter", "px"): shape.perimeter_crofton,
        ("largest depth", "px"): cell.depth.max(),
    }


def outline(cell: Cell) -> Measured:
    """Roundness, dents, and waves of the radius about the middle: wave 2 is an ellipse, 3 a triangle, 8 a cogwheel."""
    shape, radii = cell.shape, _radii(cell)
    waves = np.abs(np.fft.rfft(radii)) / ANGLES
    return {
        **{(name, ""): value for name, value in roundness(cell.edge, shape).items()},
        ("axis ratio", ""): shape.axis_minor_length / max(shape.axis_major_length, 1.0),
        ("radius deviation", ""): radii.std(),
        ("smallest radius", ""): radii.min(),
        ("largest radius", ""): radii.max(),
        **{(f"radius wave {n}", ""): waves[n] for n in WAVES},
    }


def _radii(cell: Cell) -> Floats:
    """Distance from the middle to the outline in 128 directions, over their mean; float64 (128,)."""
    down, right = np.nonzero(cell.edge) - np.array(cell.shape.centroid)[:, None]
    directions = np.linspace(-np.pi, np.pi, ANGLES, endpoint=False)
    radii = 0.5 + np.interp(directions, np.arctan2(down, right), np.hypot(down, right), period=2 * np.pi)
    return np.asarray(radii / radii.mean())

"""Shapes and textures of the phantom: outlines in polar form, discs, noise, all from tables made once per size.

Every shape has its centre on a pixel, so distance and angle from any centre are slices of one grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from leukolab.base.streams import stream

Plane = NDArray[np.float32]
ANGLES = 512
"""Steps of an outline."""

_THETA = np.arange(ANGLES, dtype=np.float64) * (2 * math.pi / ANGLES)
_WAVES = np.exp(1j * np.outer(np.arange(2, 10), _THETA))


@dataclass(frozen=True)
class Window:
    """A rectangle of the image, in pixels: rows top to bottom, columns left to right, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of the window in an image (h, w)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class Grid:
    """Tables for one image size.

    distance: float32 (2s+1, 2s+1), from the centre, pixels. angle: intp, the same shape, step of the outline.
    noise: by name, float32 (2s, 2s), mean 0, deviation 1, periodic.
    """

    size_px: int
    distance: Plane
    angle: NDArray[np.intp]
    noise: dict[str, Plane]


_GRAINS = {"coarse": 4.2, "fine": 1.5, "wide": 11.0, "sensor": 0.45}
"""Grain of each noise: deviation of its smoothing, in pixels at 224."""


@lru_cache(maxsize=4)
def grid(size_px: int) -> Grid:
    """Tables for images of `size_px`, made once."""
    axis = np.arange(-size_px, size_px + 1, dtype=np.float32)
    distance = np.hypot(axis[:, None], axis[None, :])
    turn = np.arctan2(axis[:, None], axis[None, :]) * (ANGLES / (2 * math.pi))
    angle = np.rint(turn).astype(np.intp) % ANGLES
    noise = {name: _noise(name, grain, size_px) for name, grain in _GRAINS.items()}
    return Grid(size_px, distance, angle, noise)


def _noise(name: str, grain_px: float, size_px: int) -> Plane:
    rng = stream(0, "phantom noise", name, size_px)
    white = rng.standard_normal((2 * size_px, 2 * size_px), dtype=np.float32)
    smooth = gaussian_filter(white, grain_px * size_px / 224, mode="wrap")
    standard: Plane = ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)
    return standard


def window_round(centre: tuple[int, int], reach_px: float, size_px: int) -> Window:
    """The square within `reach_px` of `centre` (row, column), cut at the image's edge; may be empty."""
    reach = math.ceil(reach_px)
    rows, columns = ((max(c - reach, 0), max(min(c + reach + 1, size_px), 0)) for c in centre)
    return Window(rows[0], max(rows), columns[0], max(columns))


def outline(radius_px: float, roughness: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Radius by angle, float64 (512,), of a wavy round shape with the area of a circle of `radius_px`."""
    orders = np.arange(2, 10)
    size = roughness * rng.standard_normal(8) / orders
    phase = np.exp(1j * rng.uniform(0, 2 * math.pi, 8))
    # A plain sum: a matrix product this small would wake the threads of the linear algebra library.
    radii = 1 + ((size * phase)[:, None] * _WAVES).real.sum(axis=0)
    return with_area(radii, math.pi * radius_px**2)


def with_area(radii: NDArray[np.float64], area_px: float) -> NDArray[np.float64]:
    """The outline scaled to an area."""
    return radii * math.sqrt(area_px / (math.pi * float(np.mean(radii * radii))))


def cleft(radii: NDArray[np.float64], depth: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The outline with a notch of `depth` (share of the radius) at a random angle, about a tenth of a turn wide."""
    turn = rng.uniform(0, 2 * math.pi)
    away = np.abs((_THETA - turn + math.pi) % (2 * math.pi) - math.pi)
    return radii * (1 - depth * np.exp(-((away / rng.uniform(0.22, 0.4)) ** 2)))


def coverage(tables: Grid, window: Window, centre: tuple[int, int], radii: NDArray[np.float64]) -> Plane:
    """Share of each pixel of `window` inside the outline round `centre`, float32 (h, w), edge one pixel soft."""
    rows, columns = _place(tables, window, centre)
    reach = np.take((radii + 0.5).astype(np.float32), tables.angle[rows, columns])
    reach -= tables.distance[rows, columns]
    return np.clip(reach, 0, 1, out=reach)


def disc(tables: Grid, window: Window, centre: tuple[int, int], radius_px: float, soft_px: float = 1.0) -> Plane:
    """Share of each pixel of `window` inside a circle, float32 (h, w), edge `soft_px` wide."""
    rows, columns = _place(tables, window, centre)
    reach = (np.float32(radius_px) - tables.distance[rows, columns]) / np.float32(soft_px) + np.float32(0.5)
    return np.clip(reach, 0, 1, out=reach)


def _place(tables: Grid, window: Window, centre: tuple[int, int]) -> tuple[slice, slice]:
    top, left = tables.size_px - centre[0], tables.size_px - centre[1]
    return slice(window.top + top, window.bottom + top), slice(window.left + left, window.right + left)


def texture(tables: Grid, name: str, shape: tuple[int, int], rng: np.random.Generator) -> Plane:
    """A random piece (h, w) of a noise, perhaps mirrored; a view, not to be written to."""
    field = tables.noise[name]
    top, left = (int(rng.integers(0, full - part + 1)) for full, part in zip(field.shape, shape, strict=True))
    piece = field[top : top + shape[0], left : left + shape[1]]
    return piece[:: -1 if rng.random() < 0.5 else 1, :: -1 if rng.random() < 0.5 else 1]

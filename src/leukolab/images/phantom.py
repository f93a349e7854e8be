"""Single-cell images with known truth: normal lymphocytes and lymphoblasts of three stages. Synthetic, never evidence.

Light is absorbed as in a stained smear (Beer and Lambert): two stain maps, one of the nucleus and one of the
cytoplasm, are blurred by the focus and turned into colour through the subject's stain and lamp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from leukolab.base.errors import SpecError
from leukolab.images.phantom_shapes import (
    Grid,
    Plane,
    Window,
    cleft,
    coverage,
    disc,
    grid,
    outline,
    texture,
    window_round,
    with_area,
)
from leukolab.images.phantom_spec import (
    BLASTS,
    REFERENCE_PX,
    STAGES,
    Biology,
    CellTruth,
    PhantomSpec,
    SubjectLook,
    biology,
    image_look,
    subject_look,
)

__all__ = ["BLASTS", "STAGES", "CellTruth", "PhantomSpec", "SubjectLook", "draw_cell", "subject_look"]

Image = NDArray[np.uint8]

_NUCLEUS = {"black": (1.22, 2.00, 1.08), "smear": (0.74, 1.22, 0.30)}
_CYTOPLASM = {"black": (1.02, 1.16, 0.66), "smear": (0.44, 0.42, 0.13)}
_RED_CELL = (0.13, 0.20, 0.15)
_LAMP = {"black": (252.0, 248.0, 250.0), "smear": (240.0, 238.0, 243.0)}
_GRAIN = {"black": 1.3, "smear": 2.0}
"""Deviation of the camera's noise, in grey levels."""


@dataclass(frozen=True)
class _Cell:
    """One cell before it is painted: lengths in pixels of its image."""

    centre: tuple[int, int]
    radius: float
    biology: Biology
    nucleoli: int
    vacuoles: int
    look: SubjectLook
    px: float


@dataclass(frozen=True)
class _Masks:
    """Shares of each pixel of the window: the cell and its nucleus, float32 (h, w)."""

    window: Window
    cell: Plane
    nucleus: Plane


def draw_cell(
    spec: PhantomSpec, stage: str, look: SubjectLook, rng: np.random.Generator, size_px: int
) -> tuple[Image, CellTruth]:
    """Draw one cell of `stage` as it looks on the slide of a subject.

    Args:
        spec: strengths and background.
        stage: `normal`, `early`, `pre` or `pro`.
        look: the subject's, from `subject_look`.
        rng: stream of this image; the same state gives the same bytes.
        size_px: edge of the image, 32 to 1024.

    Returns:
        uint8 (size_px, size_px, 3) RGB, and what was drawn.

    Raises:
        SpecError: an unknown stage or a size out of range.
    """
    if not 32 <= size_px <= 1024:
        raise SpecError(f"phantom: size: expected 32 to 1024 pixels, got {size_px}.")
    tables = grid(size_px)
    cell = _choose(spec, stage, look, rng, size_px)
    masks = _masks(tables, cell, rng)
    stains = _stain_maps(tables, cell, masks, rng)
    paint = _on_smear if spec.background == "smear" else _on_black
    return paint(tables, cell, masks, stains, rng), _truth(stage, cell, masks)


def _choose(spec: PhantomSpec, stage: str, look: SubjectLook, rng: np.random.Generator, size_px: int) -> _Cell:
    """Everything about the cell that is a number."""
    mean, own, px = biology(stage, spec.class_strength), image_look(look, rng), size_px / REFERENCE_PX
    z = rng.standard_normal(5).tolist()
    larger = (1.2 if spec.size_confound and stage in BLASTS else 1.0) * (1.2 if spec.background == "smear" else 1.0)
    radius = spec.cell_radius_px * own.cell_scale * larger * math.exp(0.07 * z[0]) * px
    one = Biology(
        nc_ratio=min(max(mean.nc_ratio + 0.05 * z[1], 0.4), 0.93),
        coarseness=max(mean.coarseness + 0.17 * z[2], 0.05),
        cleft_depth=min(max(mean.cleft_depth + 0.06 * z[3], 0.0), 0.5),
        nucleoli=mean.nucleoli,
        vacuoles=mean.vacuoles,
        basophilia=mean.basophilia * math.exp(0.10 * z[4]),
    )
    spread = (0.06 if spec.background == "smear" else 0.02) * size_px
    centre = (size_px // 2 + round(rng.uniform(-spread, spread)), size_px // 2 + round(rng.uniform(-spread, spread)))
    counts = (int(min(rng.poisson(mean.nucleoli), 4)), int(min(rng.poisson(mean.vacuoles), 5)))
    return _Cell(centre, min(radius, 0.40 * size_px), one, *counts, own, px)


def _masks(tables: Grid, cell: _Cell, rng: np.random.Generator) -> _Masks:
    """Cell and nucleus: the nucleus has its share of the cell's area and lies inside, off the centre."""
    body = outline(cell.radius, 0.07, rng)
    kernel = cleft(outline(1.0, 0.05, rng), cell.biology.cleft_depth, rng)
    kernel = with_area(kernel, cell.biology.nc_ratio * math.pi * cell.radius**2)
    room = 0.6 * (1 - math.sqrt(cell.biology.nc_ratio)) * cell.radius
    turn = rng.uniform(0, 2 * math.pi)
    centre = (cell.centre[0] + round(room * math.sin(turn)), cell.centre[1] + round(room * math.cos(turn)))
    margin = 2 + 3 * cell.look.focus_px * cell.px
    window = window_round(cell.centre, float(body.max()) + margin, tables.size_px)
    whole = coverage(tables, window, cell.centre, body)
    inner = coverage(tables, window, cell.centre, body - 1.2 * cell.px)
    return _Masks(window, whole, np.minimum(inner, coverage(tables, window, centre, kernel)))


def _stain_maps(tables: Grid, cell: _Cell, masks: _Masks, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Concentration of the nuclear and the cytoplasmic stain, float32 (h, w) each, blurred by the focus."""
    shape = masks.window.shape
    clumps = np.float32(0.30 * cell.biology.coarseness) * texture(tables, "coarse", shape, rng)
    grains = np.float32(0.10) * texture(tables, "fine", shape, rng)
    nucleus = masks.nucleus * np.clip(1 + clumps + grains, 0.3, 1.7)
    cloud = np.float32(0.14) * texture(tables, "wide", shape, rng)
    cytoplasm = (masks.cell - np.float32(0.8) * masks.nucleus) * (1 + cloud)
    cytoplasm *= np.float32(cell.biology.basophilia)
    for _ in range(cell.nucleoli):
        hole = _spot(tables, cell, masks.window, (0.0, 0.5), (0.11, 0.19), rng)
        nucleus *= 1 - np.float32(0.40) * hole
        cytoplasm += np.float32(0.25) * hole * masks.nucleus
    for _ in range(cell.vacuoles):
        hole = 1 - np.float32(0.65) * _spot(tables, cell, masks.window, (0.4, 0.82), (0.08, 0.13), rng)
        nucleus *= hole
        cytoplasm *= hole
    blur = cell.look.focus_px * cell.px
    return gaussian_filter(nucleus, blur, truncate=2.5), gaussian_filter(cytoplasm, blur, truncate=2.5)


def _spot(
    tables: Grid,
    cell: _Cell,
    window: Window,
    away: tuple[float, float],
    size: tuple[float, float],
    rng: np.random.Generator,
) -> Plane:
    """A disc at a random place; distance from the centre and radius drawn from ranges in cell radii."""
    turn, distance = rng.uniform(0, 2 * math.pi), rng.uniform(*away) * cell.radius
    centre = (cell.centre[0] + round(distance * math.sin(turn)), cell.centre[1] + round(distance * math.cos(turn)))
    return disc(tables, window, centre, rng.uniform(*size) * cell.radius, 3.0 * cell.px)


def _absorption(vector: tuple[float, float, float], look: SubjectLook) -> tuple[float, float, float]:
    """Optical density of a stain at concentration 1 in red, green and blue, in this subject's hue."""
    red, green, blue = vector
    turn = math.exp(look.hue)
    return (look.strength * red * turn, look.strength * green * math.exp(look.green), look.strength * blue / turn)


def _lamp(background: str, look: SubjectLook) -> tuple[float, float, float]:
    red, green, blue = (look.brightness * level for level in _LAMP[background])
    return red * math.exp(look.warmth), green, blue * math.exp(-look.warmth)


def _light(look: SubjectLook, window: Window, size_px: int) -> Plane:
    """Relative light of each pixel, float32 (h, w): a slope over the image."""
    rows = np.arange(window.top, window.bottom, dtype=np.float32) / size_px - np.float32(0.5)
    columns = np.arange(window.left, window.right, dtype=np.float32) / size_px - np.float32(0.5)
    rows *= np.float32(look.slope_y)
    columns *= np.float32(look.slope_x)
    return np.add.outer(rows + 1, columns, dtype=np.float32)


def _through(stains: tuple[Plane, Plane], background: str, look: SubjectLook) -> list[Plane]:
    """Share of red, green and blue light that passes the stains, three planes float32 (h, w)."""
    nucleus, cytoplasm = _absorption(_NUCLEUS[background], look), _absorption(_CYTOPLASM[background], look)
    pairs = zip(nucleus, cytoplasm, strict=True)
    return [np.exp(-(np.float32(n) * stains[0] + np.float32(c) * stains[1])) for n, c in pairs]


def _on_black(tables: Grid, cell: _Cell, masks: _Masks, stains: tuple[Plane, Plane], rng: np.random.Generator) -> Image:
    """The cell cut out along its outline; outside every pixel is 0, inside none is."""
    image = np.zeros((tables.size_px, tables.size_px, 3), np.uint8)
    view, inside = image[masks.window.slices], masks.cell >= 0.5
    light = _light(cell.look, masks.window, tables.size_px)
    for channel, (lamp, share) in enumerate(
        zip(_lamp("black", cell.look), _through(stains, "black", cell.look), strict=True)
    ):
        level = np.float32(lamp) * share * light
        level += np.float32(_GRAIN["black"]) * texture(tables, "sensor", level.shape, rng)
        view[..., channel] = np.clip(level, 1, 255, out=level) * inside
    return image


def _on_smear(tables: Grid, cell: _Cell, masks: _Masks, stains: tuple[Plane, Plane], rng: np.random.Generator) -> Image:
    """The cell on a pale field among a few red cells."""
    size_px = tables.size_px
    whole = Window(0, size_px, 0, size_px)
    density = _red_cells(tables, cell, rng)
    density[masks.window.slices] *= 1 - masks.cell
    light = _light(cell.look, whole, size_px)
    shares = _through(stains, "smear", cell.look)
    image = np.empty((size_px, size_px, 3), np.uint8)
    for channel, (lamp, red) in enumerate(
        zip(_lamp("smear", cell.look), _absorption(_RED_CELL, cell.look), strict=True)
    ):
        level = np.exp(np.float32(-red) * density)
        level *= light
        level *= np.float32(lamp)
        level[masks.window.slices] *= shares[channel]
        level += np.float32(_GRAIN["smear"]) * texture(tables, "sensor", level.shape, rng)
        image[..., channel] = np.clip(level, 2, 255, out=level)
    return image


def _red_cells(tables: Grid, cell: _Cell, rng: np.random.Generator) -> Plane:
    """Density of up to seven red cells round the white one, float32 (s, s): rings with a paler middle."""
    density = np.zeros((tables.size_px, tables.size_px), np.float32)
    soft = (1.5 + 2 * cell.look.focus_px) * cell.px
    first = rng.uniform(0, 2 * math.pi)
    for place in range(int(rng.integers(4, 8))):
        turn, radius = first + 0.9 * place, rng.uniform(27, 34) * cell.px * cell.look.cell_scale
        away = cell.radius + radius + rng.uniform(0, 40) * cell.px
        centre = (cell.centre[0] + round(away * math.sin(turn)), cell.centre[1] + round(away * math.cos(turn)))
        window = window_round(centre, radius + soft, tables.size_px)
        if min(window.shape) <= 0:
            continue
        ring = disc(tables, window, centre, radius, soft)
        ring -= np.float32(0.55) * disc(tables, window, centre, 0.4 * radius, 0.5 * radius)
        np.maximum(density[window.slices], ring, out=density[window.slices])
    return density


def _truth(stage: str, cell: _Cell, masks: _Masks) -> CellTruth:
    """What was drawn; areas are counted in the image, pixels at least half covered."""
    mask, nucleus = int((masks.cell >= 0.5).sum()), int((masks.nucleus >= 0.5).sum())
    look, traits = cell.look, cell.biology
    return CellTruth(
        stage=stage,
        centre_x_px=cell.centre[1],
        centre_y_px=cell.centre[0],
        radius_px=cell.radius,
        mask_area_px=mask,
        nucleus_area_px=nucleus,
        nc_ratio=nucleus / mask,
        coarseness=traits.coarseness,
        cleft_depth=traits.cleft_depth,
        nucleoli=cell.nucleoli,
        vacuoles=cell.vacuoles,
        basophilia=traits.basophilia,
        hue=look.hue,
        strength=look.strength,
        brightness=look.brightness,
        focus_px=look.focus_px,
        cell_scale=look.cell_scale,
    )

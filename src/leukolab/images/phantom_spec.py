"""What a phantom cell is made of: settings, the biology of four stages, the look of a subject, the truth of a cell.

Lengths named `_px` in settings and looks are those of an image of 224 pixels; they grow with the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from leukolab.base.errors import SpecError, nearest
from leukolab.base.streams import stream

REFERENCE_PX = 224
"""Image edge at which the lengths of this file are meant."""

Background = Literal["black", "smear"]
Stage = Literal["normal", "early", "pre", "pro"]


@dataclass(frozen=True)
class Biology:
    """What tells a stage from another: means over its cells."""

    nc_ratio: float
    """Nucleus area / cell area, 0 to 1."""
    coarseness: float
    """Contrast of chromatin clumps; 0 is an even nucleus."""
    cleft_depth: float
    """Depth of the notch in the nuclear outline, in nuclear radii."""
    nucleoli: float
    """Expected pale nucleoli per cell."""
    vacuoles: float
    """Expected vacuoles per cell."""
    basophilia: float
    """Stain of the cytoplasm, 1 in the middle."""


STAGES: dict[str, Biology] = {
    "normal": Biology(nc_ratio=0.66, coarseness=1.00, cleft_depth=0.05, nucleoli=0.1, vacuoles=0.1, basophilia=0.75),
    "early": Biology(nc_ratio=0.79, coarseness=0.45, cleft_depth=0.08, nucleoli=0.6, vacuoles=3.2, basophilia=1.40),
    "pre": Biology(nc_ratio=0.72, coarseness=0.70, cleft_depth=0.38, nucleoli=0.5, vacuoles=0.2, basophilia=1.00),
    "pro": Biology(nc_ratio=0.88, coarseness=0.15, cleft_depth=0.04, nucleoli=2.6, vacuoles=0.3, basophilia=1.15),
}
"""Means of each stage at `class_strength` 1. Invented for tests; orders of size follow haematology, figures do not."""

BLASTS = ("early", "pre", "pro")
"""Stages that are lymphoblasts."""


@dataclass(frozen=True)
class PhantomSpec:
    """Settings of a phantom.

    Raises:
        SpecError: a setting is out of its range.
    """

    background: Background = "black"
    """`black`: the cell cut out, as in C-NMC; `smear`: on a pale field with red cells."""
    class_strength: float = 1.0
    """How far the stages lie apart, 0 (all alike) to 1.5."""
    leak_strength: float = 1.0
    """How far the subjects' looks lie apart, 0 (all alike) to 3."""
    size_confound: bool = False
    """Whether blasts are drawn with 1.44 times the area (1.2 times the diameter) of normal cells."""
    cell_radius_px: float = 56.0
    """Mean radius of a cell at 224 pixels on black; 1.2 times that on a smear."""

    def __post_init__(self) -> None:
        if self.background not in ("black", "smear"):
            raise SpecError(f"phantom: background: no '{self.background}'. {nearest(self.background, _BACKGROUNDS)}")
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpecError(f"phantom: {name}: expected a number from {low:g} to {high:g}, got {value}.")


_BACKGROUNDS = ("black", "smear")
_RANGES = (("class_strength", 0, 1.5), ("leak_strength", 0, 3), ("cell_radius_px", 10, 64))


@dataclass(frozen=True)
class SubjectLook:
    """How one subject's slide looks: what a model can recognise a patient by."""

    hue: float = 0.0
    """Towards blue (above 0) or pink (below): log ratio of red to blue absorption."""
    green: float = 0.0
    """Log gain of green absorption."""
    strength: float = 1.0
    """Stain concentration."""
    brightness: float = 1.0
    """Lamp."""
    warmth: float = 0.0
    """Log ratio of red to blue light."""
    slope_x: float = 0.0
    """Uneven light, relative change over the image's width."""
    slope_y: float = 0.0
    """The same over its height."""
    focus_px: float = 0.9
    """Standard deviation of the blur."""
    cell_scale: float = 1.0
    """Factor of the cell's radius."""


@dataclass(frozen=True)
class CellTruth:
    """Parameters a cell was drawn with, and its areas in the finished image (pixels of that image)."""

    stage: str
    centre_x_px: int
    centre_y_px: int
    radius_px: float
    mask_area_px: int
    nucleus_area_px: int
    nc_ratio: float
    coarseness: float
    cleft_depth: float
    nucleoli: int
    vacuoles: int
    basophilia: float
    hue: float
    strength: float
    brightness: float
    focus_px: float
    cell_scale: float


def biology(stage: str, class_strength: float) -> Biology:
    """Means of `stage`, drawn towards the middle of normal and blast as `class_strength` falls to 0.

    Raises:
        SpecError: no such stage.
    """
    if stage not in STAGES:
        raise SpecError(f"phantom: stage: no '{stage}'. {nearest(stage, STAGES)}")
    means = {}
    for name, value in vars(STAGES[stage]).items():
        blasts = sum(getattr(STAGES[blast], name) for blast in BLASTS) / len(BLASTS)
        middle = (getattr(STAGES["normal"], name) + blasts) / 2
        means[name] = max(0.0, middle + class_strength * (value - middle))
    return Biology(**means)


def subject_look(spec: PhantomSpec, seed: int, subject: str) -> SubjectLook:
    """The look of a subject: a function of seed and name, departing from the common one by `leak_strength`."""
    share = 0.45 if spec.background == "smear" else 1.0  # there the look fills the whole image, not the cell alone
    return _shifted(SubjectLook(), stream(seed, "phantom look", subject), share * spec.leak_strength)


def image_look(look: SubjectLook, rng: np.random.Generator) -> SubjectLook:
    """One image's look: the subject's, with the small changes from field to field that no strength removes."""
    return _shifted(look, rng, 0.2)


def _shifted(look: SubjectLook, rng: np.random.Generator, amount: float) -> SubjectLook:
    z = (amount * rng.standard_normal(9)).tolist()
    factor = np.exp([0.18 * z[2], 0.10 * z[3], 0.40 * z[7], 0.09 * z[8]]).tolist()
    return replace(
        look,
        hue=look.hue + 0.15 * z[0],
        green=look.green + 0.09 * z[1],
        strength=min(look.strength * factor[0], 2.0),
        brightness=min(look.brightness * factor[1], 1.15),
        warmth=look.warmth + 0.045 * z[4],
        slope_x=look.slope_x + 0.06 * z[5],
        slope_y=look.slope_y + 0.06 * z[6],
        focus_px=min(look.focus_px * factor[2], 4.0),
        cell_scale=min(max(look.cell_scale * factor[3], 0.6), 1.5),
    )

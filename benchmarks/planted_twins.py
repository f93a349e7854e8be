"""Changed copies of cells, as people's folders have them: turned, cut out anew, stored anew, blurred, brightened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from leukolab.audit.exact import TURNS, turned
from leukolab.images import cell_mask, decode

Pixels = np.ndarray
Change = Callable[[Pixels, np.random.Generator], Pixels]


def _as_it_is(image: Pixels, rng: np.random.Generator) -> Pixels:
    return image


def _turned(image: Pixels, rng: np.random.Generator) -> Pixels:
    return turned(image, int(rng.integers(1, len(TURNS))))


def _inwards(image: Pixels, rng: np.random.Generator, px: int) -> Pixels:
    """The outline moved in everywhere."""
    return image * (_depth(image) > px)[..., None]


def _wavy(image: Pixels, rng: np.random.Generator, px: int) -> Pixels:
    """The outline moved in by 0 to `px`, elsewhere by another amount, and the frame by up to 3 px."""
    noise = ndimage.gaussian_filter(rng.normal(size=image.shape[:2]), 15)
    moved = image * (_depth(image) > px * (noise - noise.min()) / np.ptp(noise))[..., None]
    return np.roll(moved, rng.integers(-3, 4, 2), axis=(0, 1))


def _depth(image: Pixels) -> np.ndarray:
    return ndimage.distance_transform_edt(cell_mask(image))


def _blurred(image: Pixels, rng: np.random.Generator, px: float) -> Pixels:
    """Out of focus, within the same outline."""
    soft = ndimage.gaussian_filter(image.astype(np.float32), (px, px, 0))
    return (soft * cell_mask(image)[..., None]).round().astype(np.uint8)


def _brighter(image: Pixels, rng: np.random.Generator, factor: float) -> Pixels:
    return (image * factor).clip(0, 255).round().astype(np.uint8)


def _stained(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Each channel brighter or darker by up to a fifth."""
    return (image * rng.uniform(0.8, 1.2, 3)).clip(0, 255).round().astype(np.uint8)


def _smaller(image: Pixels, rng: np.random.Generator) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((224, 224)))


def _both(image: Pixels, rng: np.random.Generator) -> Pixels:
    return _turned(_wavy(image, rng, 4), rng)


CHANGES: dict[str, tuple[Change, str, dict[str, object]]] = {
    "flipped or rotated": (_turned, ".png", {}),
    **{f"outline {px} px further in": (partial(_inwards, px=px), ".png", {}) for px in (1, 2, 3, 4)},
    "outline 0 to 4 px in, moved": (partial(_wavy, px=4), ".png", {}),
    "the same, flipped or rotated": (_both, ".png", {}),
    "JPEG 90": (_as_it_is, ".jpg", {"quality": 90}),
    "JPEG 75": (_as_it_is, ".jpg", {"quality": 75}),
    "WebP 80": (_as_it_is, ".webp", {"quality": 80}),
    "JPEG 75, flipped or rotated": (_turned, ".jpg", {"quality": 75}),
    "blurred by 1 px": (partial(_blurred, px=1.0), ".png", {}),
    "blurred by 2 px": (partial(_blurred, px=2.0), ".png", {}),
    "blurred by 4 px": (partial(_blurred, px=4.0), ".png", {}),
    "brightness 0.7": (partial(_brighter, factor=0.7), ".png", {}),
    "brightness 1.3": (partial(_brighter, factor=1.3), ".png", {}),
    "colours changed": (_stained, ".png", {}),
    "resized to 224 px": (_smaller, ".png", {}),
}
"""What is done to a cell, the ending it is stored under, and how."""


def plant(name: str, paths: list[Path], folder: Path, seed: int) -> list[Path]:
    """Write a changed copy of each file into a folder of its own below `folder`; their paths."""
    change, ending, how = CHANGES[name]
    inside = folder / name.replace(" ", "_").replace(",", "")
    inside.mkdir()
    copies = []
    for number, path in enumerate(paths):
        rng = np.random.default_rng([seed, number])
        copies.append(inside / f"{number:04d}{ending}")
        Image.fromarray(np.ascontiguousarray(change(decode(path), rng))).save(copies[-1], **how)
    return copies

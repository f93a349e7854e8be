"""Packed pixels held on a graphics card, and their views made there: the pictures that `views.changed` makes.

A view of the studies flips a picture and gives each value another; both are exact in whole numbers, so that the
card's views equal the processor's in every bit. Views that rotate are left to the processor.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from leukolab.engine import views
from leukolab.engine.pixels import Images, Rows, to_device

SHARE = 0.5
"""Of the card's free memory that pixels may take."""
PIECE = 64
"""Images copied to the card at once."""


@dataclass(frozen=True)
class Resident:
    """Pixels uint8 (n, h, w, 3) on a device, and how often each value occurs in each image and channel (n, 3, 256)."""

    pixels: torch.Tensor
    counts: NDArray[np.int64]

    def shown(self, rows: Rows, changes: views.Draw | None) -> torch.Tensor:
        """uint8 (len(rows), h, w, 3) on the device, changed where asked for.

        Raises:
            ValueError: a view rotates.
        """
        device = self.pixels.device
        picked = self.pixels[torch.from_numpy(np.asarray(rows)).to(device)]
        if changes is None:
            return picked
        if changes.rotate_deg.any():
            raise ValueError("views that rotate cannot be made on a graphics card")
        for flips, axis in ((changes.flip_x, 2), (changes.flip_y, 1)):
            there = torch.from_numpy(flips).to(device).view(-1, 1, 1, 1)
            picked = torch.where(there, picked.flip(axis), picked)
        tables = torch.from_numpy(views.tone_tables(self.counts[rows], changes)).to(device)
        return tables.gather(1, picked.flatten(1).long()).view_as(picked)


def load(images: Images, device: str) -> Resident:
    """Bring all images over, piece by piece."""
    pixels = torch.empty(images.pixels.shape, dtype=torch.uint8, device=device)
    counts = np.empty((len(images), 3, 256), np.int64)
    for start in range(0, len(images), PIECE):
        piece = images.read(np.arange(start, min(start + PIECE, len(images))))
        pixels[start : start + len(piece)] = to_device(piece, device)
        for number, image in enumerate(piece):
            counts[start + number] = np.reshape(Image.fromarray(image).histogram(), (3, 256))
    return Resident(pixels, counts)


def shown(images: Images, rows: Rows, changes: views.Draw | None, device: str) -> torch.Tensor:
    """uint8 (len(rows), h, w, 3) on `device`: from its own memory where the images are or fit there."""
    rotated = changes is not None and bool(changes.rotate_deg.any())
    held = _held(images, device) if device == "cuda" and not rotated else None
    if held is not None:
        return held.shown(rows, changes)
    pixels = images.read(rows)
    return to_device(pixels if changes is None else views.changed(pixels, changes), device)


_LOADING = threading.Lock()
_HELD: dict[str, Resident | None] = {}
"""What this process holds on its card, by the key of the packed pixels; None where they do not fit."""


def _held(images: Images, device: str) -> Resident | None:
    """The images on the card, brought there by the first thread that asks; one set at a time."""
    with _LOADING:
        if images.key not in _HELD:
            _HELD.clear()
            free, _ = torch.cuda.mem_get_info()
            _HELD[images.key] = load(images, device) if images.pixels.nbytes <= SHARE * free else None
        return _HELD[images.key]

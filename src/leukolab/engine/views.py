"""Seeded random changes of training images: view v of an image is always the same picture.

View 0 is the plain image. Each of a bank of V views (1 to V) draws its parameters from a stream named by
the view, so that a bank is shared by all jobs of a study; `online` draws from the job's own stream each epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leukolab.base.streams import stream
from leukolab.spec import AugmentSpec

Floats = NDArray[np.float64]
LUMA = np.array([0.299, 0.587, 0.114])
"""Share of red, green and blue in the brightness seen (ITU-R BT.601)."""


@dataclass(frozen=True)
class Draw:
    """Parameters of one view of every image: five arrays of (n,)."""

    flip_x: NDArray[np.bool_]
    flip_y: NDArray[np.bool_]
    brightness: Floats
    contrast: Floats
    rotate_deg: Floats

    def __getitem__(self, rows: NDArray[np.int64]) -> Draw:
        """The parameters of these images."""
        return Draw(*(getattr(self, name)[rows] for name in FIELDS))

    @staticmethod
    def picked(draws: Sequence[Draw], shown: NDArray[np.int64], rows: NDArray[np.int64]) -> Draw:
        """Of these images (m,), the parameters of the view that each shows (m,), counted from 1."""
        pieces = {name: np.stack([getattr(one, name) for one in draws]) for name in FIELDS}
        return Draw(**{name: piece[shown - 1, rows] for name, piece in pieces.items()})


FIELDS = tuple(Draw.__dataclass_fields__)


def draw(augment: AugmentSpec, images: int, seed: int, name: str) -> Draw:
    """Parameters of one view of all images, from the stream `name`."""
    numbers = stream(seed, "augment", name).random((5, images))
    spread = 2 * numbers - 1
    return Draw(
        flip_x=(numbers[0] < 0.5) & augment.flip_horizontal,
        flip_y=(numbers[1] < 0.5) & augment.flip_vertical,
        brightness=1 + augment.brightness * spread[2],
        contrast=1 + augment.contrast * spread[3],
        rotate_deg=augment.rotate_deg * spread[4],
    )


def changed(pixels: NDArray[np.uint8], parameters: Draw) -> NDArray[np.uint8]:
    """uint8 (n, h, w, 3) to the same shape, each image changed by its own parameters (n)."""
    result = np.empty_like(pixels)
    for number, image in enumerate(pixels):
        result[number] = np.asarray(_changed_one(Image.fromarray(image), parameters, number))
    return result


def _changed_one(image: Image.Image, parameters: Draw, number: int) -> Image.Image:
    if parameters.flip_x[number]:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if parameters.flip_y[number]:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if parameters.rotate_deg[number]:
        image = image.rotate(float(parameters.rotate_deg[number]), Image.Resampling.BILINEAR)
    brightness, contrast = float(parameters.brightness[number]), float(parameters.contrast[number])
    if brightness != 1 or contrast != 1:
        image = image.point(_tone_table(image, brightness, contrast))
    return image


def _tone_table(image: Image.Image, brightness: float, contrast: float) -> list[int]:
    """What each value of each channel becomes (768): scaled, then moved from or to the mean luma.

    Both at once from the histogram: one pass over the pixels, a third of the time of two passes in floating point.
    """
    scaled = np.clip(np.arange(256) * brightness, 0, 255)
    counts = np.asarray(image.histogram()).reshape(3, 256)
    luma = float((counts @ scaled) @ LUMA) / (image.width * image.height)
    table: list[int] = np.clip(np.rint(contrast * scaled + (1 - contrast) * luma), 0, 255).astype(int).tolist()
    return table * 3


def tone_tables(counts: NDArray[np.int64], parameters: Draw) -> NDArray[np.uint8]:
    """What each value of each channel becomes in many images at once: uint8 (n, 256), from histograms (n, 3, 256).

    For pixels that lie on a graphics card, with only their histograms here.
    """
    values = np.arange(256)
    scaled = np.clip(values * parameters.brightness[:, None], 0, 255)
    pixels = counts[0, 0].sum() if len(counts) else 1
    luma = ((counts * scaled[:, None]).sum(axis=2) @ LUMA) / pixels
    contrast = parameters.contrast[:, None]
    table = np.rint(contrast * scaled + (1 - contrast) * luma[:, None])
    same = (parameters.brightness == 1) & (parameters.contrast == 1)
    table[same] = values
    result: NDArray[np.uint8] = np.clip(table, 0, 255).astype(np.uint8)
    return result


def bank_size(augment: AugmentSpec, epochs: int) -> int:
    """Views that a stage of so many epochs can meet; 0 where nothing is changed.

    Raises:
        ValueError: the views are drawn online, so there is no bank.
    """
    if not augment.active:
        return 0
    if augment.views == "online":
        raise ValueError("online views have no bank")
    return min(augment.views, epochs)


def view_of_epoch(seed: int, images: int, views: int, epoch: int) -> NDArray[np.int64]:
    """Which view (1 to `views`; 0 where there is no bank) each image shows in `epoch` (from 0): (n,).

    Every image goes through all views, in an order of its own, before it meets one again.
    """
    if views == 0:
        return np.zeros(images, dtype=np.int64)
    cycle, step = divmod(epoch, views)
    order = np.tile(np.arange(1, views + 1), (images, 1))
    shuffled: NDArray[np.int64] = stream(seed, "views", f"cycle {cycle}").permuted(order, axis=1)
    return shuffled[:, step]

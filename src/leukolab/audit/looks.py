"""What one reading of each file leaves behind: digests, size, outline and texture; small enough to keep."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.audit.texture import EDGE_PX, cell_texture, field_texture
from leukolab.base.errors import ImageError
from leukolab.base.keys import file_digest
from leukolab.images import black_background, cell_mask, decode, map_files, pixel_digest, thinned
from leukolab.images.decode import Pixels

LOOKS_VERSION = 1
"""Raised by hand when the same files would leave something else: part of the key of what is kept."""

_STRIP_ROWS = 1024
CELL, FIELD, UNREAD = "cell", "field", "unread"
"""Values of the column `form`: a cell cut out on black, any other image, a file that cannot be read."""


@dataclass(frozen=True)
class Looks:
    """What was seen of each image, in the order in which they were given.

    Attributes:
        table: image_id, file_digest, pixel_digest, colours_digest (the same for an image and its flips and
            rotations), width, height, form, area_px, centre_y, centre_x (of the cell, from the top left), mean,
            deviation (of all values), sentence (why it cannot be read, else empty).
        textures: float16 (n, 48, 48), see `texture`.
    """

    table: pd.DataFrame
    textures: NDArray[np.float16]


@dataclass(frozen=True)
class _Look:
    row: dict[str, str | int | float]
    texture: NDArray[np.float16]


def look_at(paths: Sequence[Path], image_ids: Sequence[str]) -> Looks:
    """Read every file once, with as many threads as there are cores.

    Args:
        paths: image files; unreadable ones stay, with their sentence.
        image_ids: their names, as many.
    """
    looks = list(map_files(_look, list(paths), "Looking for twins"))
    table = pd.DataFrame([look.row for look in looks], columns=list(_UNREAD))
    table.insert(0, "image_id", list(image_ids))
    textures = np.stack([look.texture for look in looks]) if looks else np.zeros((0, EDGE_PX, EDGE_PX), np.float16)
    return Looks(table, textures)


_UNREAD: dict[str, str | int | float] = {
    "file_digest": "",
    "pixel_digest": "",
    "colours_digest": "",
    "width": 0,
    "height": 0,
    "form": UNREAD,
    "area_px": 0,
    "centre_y": np.nan,
    "centre_x": np.nan,
    "mean": np.nan,
    "deviation": np.nan,
    "sentence": "",
}


def _look(path: Path) -> _Look:
    try:
        digest, image = file_digest(path), decode(path)
    except (ImageError, OSError) as error:
        return _Look(_UNREAD | {"sentence": str(error)}, np.zeros((EDGE_PX, EDGE_PX), np.float16))
    small, step = thinned(image)
    row, texture = _outline(small, step)
    height, width = image.shape[:2]
    seen = {
        "file_digest": digest,
        "pixel_digest": pixel_digest(image),
        "colours_digest": colours_digest(image),
        "width": width,
        "height": height,
        "mean": float(small.mean()),
        "deviation": float(small.std()),
    }
    return _Look(_UNREAD | row | seen, texture.astype(np.float16))


def _outline(image: Pixels, step: int) -> tuple[dict[str, str | int | float], NDArray[np.float32]]:
    if not black_background(image):
        return {"form": FIELD}, field_texture(image)
    mask = cell_mask(image)
    if not mask.any():
        return {"form": CELL}, np.zeros((EDGE_PX, EDGE_PX), np.float32)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    heights, widths = mask.sum(axis=1)[rows], mask.sum(axis=0)[columns]
    centre = {
        "centre_y": step * float(np.average(rows, weights=heights)),
        "centre_x": step * float(np.average(columns, weights=widths)),
    }
    return {"form": CELL, "area_px": step**2 * int(heights.sum()), **centre}, cell_texture(image, mask)


def colours_digest(image: Pixels) -> str:
    """SHA-256 of the image's longer and shorter edge and of how often each value occurs in each channel.

    An image, its flips and its rotations have the same; of other images only those without a picture.
    """
    counts = np.zeros((3, 256), dtype=np.int64)
    for top in range(0, len(image), _STRIP_ROWS):
        strip = image[top : top + _STRIP_ROWS]
        counts += [np.bincount(strip[..., channel].ravel(), minlength=256) for channel in range(3)]
    head = ",".join(str(length) for length in sorted(image.shape[:2])).encode()
    return hashlib.sha256(head + counts.tobytes()).hexdigest()

"""The official files of C-NMC 2019 by SHA-256, and their bytes from any lossless copy of the pixels."""

from __future__ import annotations

import csv
import hashlib
import lzma
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from leukolab.images.decode import Pixels

EDGE_PX = 450
"""Edge of the training and preliminary images."""

_ROW_BYTES = 1352
_TRAINING = (
    "424d c6480900 00000000 36000000 28000000 c2010000 c2010000 0100 1800 00000000 90480900 c30e0000 c30e0000"
    " 00000000 00000000"
)
_PRELIMINARY = (
    "424d 1a490900 00000000 8a000000 7c000000 c2010000 c2010000 0100 1800 00000000 90480900 c30e0000 c30e0000"
    " 00000000 00000000 0000ff00 00ff0000 ff000000 000000ff 42475273 00000000 00000000 54b81efc 00000000 00000000"
    " 666666fc 00000000 00000000 c4f528ff 00000000 00000000 00000000 04000000 00000000 00000000 00000000"
)
HEADERS = {"training": bytes.fromhex(_TRAINING), "preliminary": bytes.fromhex(_PRELIMINARY)}
"""Head of every official BMP of a part: 54 bytes, and 138 (BITMAPV5). The head of the final part is unknown."""


@cache
def official_digests() -> dict[str, str]:
    """Official path, from the root of the data set, to its SHA-256: 15,114 images and the labels file."""
    packed = (resources.files(__package__) / "sha256.csv.xz").read_bytes()
    rows = csv.DictReader(lzma.decompress(packed).decode("ascii").splitlines())
    return {row["path"]: row["sha256"] for row in rows}


def official_names() -> dict[str, str]:
    """SHA-256 of each official file to its name without ending."""
    return {digest: path.rpartition("/")[2].rpartition(".")[0] for path, digest in official_digests().items()}


def official_twins() -> pd.DataFrame:
    """The 106 pairs of identical official files: columns group, path; two rows per pair."""
    with (resources.files(__package__) / "twins.csv").open(encoding="ascii") as stream:
        return pd.read_csv(stream)


def official_sha256(pixels: Pixels, part: str) -> str | None:
    """SHA-256 of the official BMP with these pixels; None where its head is unknown or its size differs.

    Rows run bottom up in BGR, each padded from 1,350 to 1,352 bytes.

    Args:
        pixels: uint8 (450, 450, 3), RGB.
        part: `training` or `preliminary`.
    """
    head = HEADERS.get(part)
    if head is None or pixels.shape != (EDGE_PX, EDGE_PX, 3):
        return None
    rows = np.zeros((EDGE_PX, _ROW_BYTES), dtype=np.uint8)
    rows[:, : 3 * EDGE_PX] = pixels[::-1, :, ::-1].reshape(EDGE_PX, 3 * EDGE_PX)
    return hashlib.sha256(head + rows.tobytes()).hexdigest()

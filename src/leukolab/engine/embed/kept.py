"""Features of packed images, computed once per image and kept in the home folder, shard by shard, with checksums."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leukolab.base import kept, shelf
from leukolab.base.home import Home
from leukolab.base.keys import content_key
from leukolab.base.progress import progress
from leukolab.images import PixelStore
from leukolab.images.handcrafted import Feature
from leukolab.images.shifts import SHIFTS_VERSION, shifted
from leukolab.spec import HandcraftedFeatures, NetworkFeatures

Floats = NDArray[np.float32]
LAYERS_VERSION = 1
"""Raised by hand when the same images would give other features."""
SHARD = 64


class Reader(Protocol):
    """What makes features of images: layers of a network, or numbers of a cell."""

    @property
    def spec(self) -> NetworkFeatures | HandcraftedFeatures:
        """What is read."""

    @property
    def runtime(self) -> str:
        """What computes them; others differ in the last digits."""

    @property
    def title(self) -> str:
        """What it is called in a sentence."""

    @property
    def digest(self) -> str:
        """Of the weights, or of the version: where it differs, so do the features."""

    @property
    def at_once(self) -> int:
        """Images of a pass."""

    @property
    def columns(self) -> tuple[Feature, ...]:
        """What each number is, (d,)."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Floats:
        """uint8 (n, h, w, 3) to float32 (n, d); no image depends on its company."""


@dataclass(frozen=True)
class FeatureBank:
    """What a reader makes of every packed image: float32 (n, d)."""

    reader: Reader
    images: PixelStore
    home: Home

    @cached_property
    def key(self) -> str:
        """Content key of the features."""
        spec = self.reader.spec.model_dump(exclude={"weights"})
        inputs = {"pixels": self.images.key, "weights": self.reader.digest}
        inputs |= {"changes": str(SHIFTS_VERSION)} if self.reader.spec.changed else {}
        return content_key("layers", LAYERS_VERSION, inputs, {"layers": spec, "runtime": self.reader.runtime})

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-len(self.images.image_ids) // SHARD)

    def path(self, shard: int) -> Path:
        """Where a shard lies."""
        return self.home / self._name(shard)

    def _name(self, shard: int) -> str:
        return f"features/{self.key}/{shard:06}.layers"

    def fill(self, shards: list[int]) -> None:
        """Compute what is missing or damaged of these shards."""
        missing = [shard for shard in shards if self._kept(shard) is None]
        for shard in progress(missing, len(missing), "layers"):
            self._compute(shard)

    def read(self) -> Floats:
        """Features of all images, float32 (n, d), in the order of the packed pixels; what is missing is made anew."""
        parts = []
        for shard in range(self.shards):
            found = self._kept(shard)
            parts.append(self._compute(shard) if found is None else found)
        return np.concatenate(parts)

    def seconds_left(self) -> float:
        """What the shards that are not there would take, by the second of two passes."""
        missing = sum(not self.path(shard).is_file() for shard in range(self.shards))
        if not missing:
            return 0.0
        self._of(range(1))
        started = time.perf_counter()
        self._of(range(1))
        return (time.perf_counter() - started) * missing * SHARD / self.reader.at_once

    def _kept(self, shard: int) -> Floats | None:
        values = kept.read(self.home, self._name(shard))
        rows = min(SHARD, len(self.images.image_ids) - shard * SHARD)
        return None if values is None else np.frombuffer(values, np.float32).reshape(rows, -1).copy()

    def _compute(self, shard: int) -> Floats:
        rows = range(shard * SHARD, min((shard + 1) * SHARD, len(self.images.image_ids)))
        values = self._of(rows)
        kept.write(self.home, self._name(shard), [values.tobytes()])
        shelf.keep_within(self.home, [self.path(shard)])
        return values

    def _of(self, rows: range) -> Floats:
        return self.reader(np.stack([seen(self.images.array[row], self.reader.spec, row) for row in rows]))


def seen(square: NDArray[np.uint8], spec: NetworkFeatures | HandcraftedFeatures, place: int = 0) -> NDArray[np.uint8]:
    """What features see of a square: changed as they say, then at their size; uint8 (size_px, size_px, 3).

    Args:
        square: uint8 (h, h, 3). spec: the features. place: of the image among all, by which changes are dealt out.
    """
    if spec.changed:
        for kind, strength in spec.changed[place % len(spec.changed)]:
            square = shifted(square, kind, strength)
    return scaled(square, spec.crop.size_px)


def scaled(pixels: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """A square image at another size, resized bicubically; uint8 (size_px, size_px, 3)."""
    if len(pixels) == size_px:
        return pixels
    return np.array(Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BICUBIC), dtype=np.uint8)

"""What makes the features of a method: layers of a network, or numbers of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leukolab.base.keys import digest
from leukolab.base.threads import ahead, reader_count
from leukolab.engine.embed.kept import Reader
from leukolab.engine.embed.layers import layer_reader
from leukolab.images.handcrafted import HANDCRAFTED_VERSION, Feature, features, measure
from leukolab.spec import HandcraftedFeatures, NetworkFeatures


@dataclass(frozen=True)
class HandcraftedReader:
    """Handcrafted features of cells, several images at a time."""

    spec: HandcraftedFeatures
    threads: int
    runtime: ClassVar[str] = "scikit-image"
    title: ClassVar[str] = "handcrafted features"
    digest: ClassVar[str] = digest({"handcrafted": HANDCRAFTED_VERSION})
    at_once: ClassVar[int] = 1

    @property
    def columns(self) -> tuple[Feature, ...]:
        """What each number is."""
        return features(self.spec.handcrafted)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 (n, h, w, 3) to float32 (n, d)."""
        return np.stack(list(ahead(partial(measure, families=self.spec.handcrafted), pixels, self.threads)))


def reader_of(
    spec: NetworkFeatures | HandcraftedFeatures, seed: int = 0, runtime: str = "torch", threads: int = 0
) -> Reader:
    """What makes these features; see `layer_reader`.

    Args:
        spec: what is read.
        seed: draws the weights of a network whose source is `none`.
        runtime: of a network.
        threads: at once; all cores where 0.

    Raises:
        SpecError: timm has no such backbone, or it has no such layer.
        WeightsError: the weights are unavailable or damaged.
    """
    if isinstance(spec, HandcraftedFeatures):
        return HandcraftedReader(spec, threads or reader_count())
    return layer_reader(spec, seed, runtime, threads)

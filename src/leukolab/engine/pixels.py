"""Packed pixels as the engine reads them, and on their way into a network."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leukolab.base.files import open_to_read, read_at
from leukolab.engine.network import Classifier

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """Packed pixels: uint8 (n, h, w, 3), and the content key of the store they lie in.

    Where `pixels` is a memory map, rows are read from its file, so that memory does not grow with the images seen.
    """

    pixels: NDArray[np.uint8]
    key: str
    _file: list[int] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, rows: Rows) -> NDArray[np.uint8]:
        """Pixels uint8 (len(rows), h, w, 3) of these images."""
        if not isinstance(self.pixels, np.memmap):
            return np.ascontiguousarray(self.pixels[rows])
        if not self._file:
            try:
                self._file.append(open_to_read(Path(str(self.pixels.filename))))
            except FileNotFoundError:  # deleted since: the map still holds it
                return np.ascontiguousarray(self.pixels[rows])
            weakref.finalize(self, os.close, self._file[0])
        result = np.empty((len(rows), *self.pixels.shape[1:]), np.uint8)
        size = int(np.prod(self.pixels.shape[1:]))
        for place, row in zip(result, rows, strict=True):
            read_at(self._file[0], place.reshape(-1), self.pixels.offset + int(row) * size)
        return result


def to_device(values: NDArray[Any], device: str) -> torch.Tensor:
    """An array as a tensor on `device`; to a graphics card from pinned memory, without waiting for it."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device == "cuda" else tensor.to(device)


def to_input(pixels: NDArray[np.uint8], network: Classifier, device: str) -> torch.Tensor:
    """uint8 (n, h, w, 3) to normalised float32 (n, 3, h, w) in channels-last order."""
    return normalised(to_device(np.ascontiguousarray(pixels), device), network)


def normalised(pixels: torch.Tensor, network: Classifier) -> torch.Tensor:
    """uint8 (n, h, w, 3), where it lies, to float32 (n, 3, h, w) in channels-last order."""
    device = pixels.device
    mean = torch.tensor(network.weights.mean).view(1, 3, 1, 1).to(device)
    deviation = torch.tensor(network.weights.deviation).view(1, 3, 1, 1).to(device)
    scaled = pixels.permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(deviation)
    return scaled.contiguous(memory_format=torch.channels_last)

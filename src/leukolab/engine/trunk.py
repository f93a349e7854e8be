"""The frozen part of a network: what it computes, what that is called, and the file other runtimes read it from.

One pass gives both what stage 1 needs (pooled features) and what later stages need (activations at the cut).
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leukolab.base import kept
from leukolab.base.home import Home
from leukolab.base.keys import content_key
from leukolab.engine.cut import cut
from leukolab.engine.network import Classifier
from leukolab.spec import RuntimeSpec

TRUNK_VERSION = 1
"""Raised by hand when the same inputs would give other features."""
LARGEST = float(np.finfo(np.float16).max)
"""Kept features are clipped to this."""
MOST_ACTIVATIONS = 4
"""Activations are kept where those of an image take at most so many times the bytes of its pixels."""


@dataclass(frozen=True)
class Trunk:
    """The frozen part of `network`, cut below the last `depth` stages (0: nothing is cut off)."""

    network: Classifier
    size_px: int
    depth: int
    runtime: RuntimeSpec
    home: Home

    @cached_property
    def module(self) -> Frozen:
        """Pixels to both outputs, in PyTorch."""
        return Frozen(self.network, self.depth).eval()

    @cached_property
    def shape(self) -> tuple[int, int, int] | None:
        """Activations of one image at the cut, (h', w', c); None where nothing is cut."""
        if not self.depth:
            return None
        with torch.inference_mode():
            pixels = torch.zeros(1, self.size_px, self.size_px, 3, dtype=torch.uint8, device=_device(self.network))
            _, activations = self.module(pixels)
        height, width, channels = activations.shape[1:]
        return int(height), int(width), int(channels)

    @cached_property
    def key(self) -> str:
        """Content key of what it computes."""
        weights, model = self.network.weights, self.network.model
        return content_key(
            "trunk", TRUNK_VERSION, {"weights": weights.digest, "backbone": model.backbone.partition(".")[0]},
            {"mean": weights.mean, "deviation": weights.deviation, "pooling": model.pooling, "depth": self.depth,
             "size_px": self.size_px, "runtime": self.runtime.model_dump(exclude={"evaluation_batch_size"})},
        )  # fmt: skip

    def exported(self) -> bytes:
        """The frozen part as the bytes of an ONNX file, kept in the home folder, made where none is whole there."""
        weights = self.network.weights
        key = content_key(
            "onnx", TRUNK_VERSION, {"weights": weights.digest, "backbone": self.network.model.backbone},
            {"mean": weights.mean, "deviation": weights.deviation, "pooling": self.network.model.pooling,
             "depth": self.depth, "size_px": self.size_px},
        )  # fmt: skip
        name = f"trunks/{key}.onnx"
        data = kept.read(self.home, name)
        if data is None:
            data = self._export()
            kept.write(self.home, name, [data])
        return data

    def _export(self) -> bytes:
        example, out = torch.zeros(2, self.size_px, self.size_px, 3, dtype=torch.uint8), io.BytesIO()
        with _quiet():
            torch.onnx.export(
                self.module, (example,), out, dynamo=False, opset_version=17,  # type: ignore[arg-type]
                input_names=["pixels"], output_names=["pooled", "activations"][: 1 + bool(self.depth)],
                dynamic_axes={"pixels": {0: "images"}},
            )  # fmt: skip
        return out.getvalue()


class Frozen(nn.Module):
    """uint8 (n, h, w, 3) to pooled features (n, d), and activations (n, h', w', c) where there is a cut."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: Classifier, depth: int) -> None:
        super().__init__()
        halves = cut(network, depth) if depth else None
        if depth and halves is None:
            raise ValueError(f"this backbone cannot be cut below its last {depth} stages")
        self.lower = halves.lower if halves else network.backbone
        self.upper = halves.upper if halves else None
        mean = torch.tensor(network.weights.mean).view(1, 3, 1, 1)
        deviation = torch.tensor(network.weights.deviation).view(1, 3, 1, 1)
        self.register_buffer("scale", 1 / (255 * deviation), persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Both outputs; the first alone where nothing is cut off."""
        inputs = pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift
        below = self.lower(inputs)
        if self.upper is None:
            pooled: torch.Tensor = below
            return pooled
        return self.upper(below), below.permute(0, 2, 3, 1)


def cut_depth(network: Classifier, size_px: int, depth: int) -> int:
    """`depth` where activations below the last `depth` stages can be kept and are not too large, else 0."""
    halves = cut(network, depth)
    if halves is None:
        return 0
    network.eval()
    with torch.inference_mode():
        activations = halves.lower(torch.zeros(1, 3, size_px, size_px, device=_device(network)))
    small = activations.ndim == 4 and 2 * activations.numel() <= MOST_ACTIVATIONS * 3 * size_px**2
    return depth if small else 0


def to_halves(values: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float16]:
    """As float16, clipped to `LARGEST`."""
    if values.dtype == np.float16:
        return values.astype(np.float16, copy=False)
    return np.clip(values, -LARGEST, LARGEST).astype(np.float16)


def _device(network: Classifier) -> torch.device:
    return next(network.parameters()).device


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's own deprecation notes, which tell a user nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""Outputs of a frozen network's layers, each channel as its mean and deviation over the image or over the cell."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from leukolab.base.errors import SpecError, nearest
from leukolab.engine.runners import openvino_on_cpu
from leukolab.engine.weights import Weights, load_backbone
from leukolab.images.handcrafted import Feature
from leukolab.images.masks import BLACK
from leukolab.spec import ModelSpec, NetworkFeatures

Floats = NDArray[np.float32]
PASS = 16
"""Images of a pass, always."""
SMALLEST_SHARE = 1e-6
SUMMARIES = ("mean", "deviation")
OPENVINO, TORCH = "openvino", "torch"


@dataclass(frozen=True)
class LayerReader:
    """A frozen backbone and the layers that are read.

    Attributes:
        runtime: `openvino` or `torch`; both compute in float32, and differ in the last digits.
        threads: of one pass.
    """

    module: LayerModule
    weights: Weights
    spec: NetworkFeatures
    runtime: str
    threads: int
    at_once: ClassVar[int] = PASS

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return self.spec.backbone

    @property
    def digest(self) -> str:
        """Where it differs, so do the features."""
        return self.weights.digest

    @cached_property
    def columns(self) -> tuple[Feature, ...]:
        """What each number is, such as `mean 17` of the family `blocks.3`."""
        size = self.spec.crop.size_px
        with torch.inference_mode():
            maps = _maps(self.module.backbone, self.spec.layers, torch.zeros(1, 3, size, size))
        return tuple(
            Feature(layer, f"{summary} {channel}", "")
            for layer, one in zip(self.spec.layers, maps, strict=True)
            for summary in self.spec.summary
            for channel in range(one.shape[1])
        )

    def __call__(self, pixels: NDArray[np.uint8]) -> Floats:
        """uint8 (n, h, w, 3) to float32 (n, d): of each layer the means of its channels, then their deviations.

        Over the cell, which is what is not black, each pixel of a map counts by the share of it that the cell covers.
        Passes are of one size, the last filled up with black images, so that no result depends on its company.
        """
        parts = []
        for start in range(0, len(pixels), PASS):
            some = pixels[start : start + PASS]
            full = np.concatenate([some, np.zeros((PASS - len(some), *some.shape[1:]), np.uint8)])
            parts.append(self._run(np.ascontiguousarray(full))[: len(some)])
        return np.concatenate(parts)

    @cached_property
    def _run(self) -> Callable[[NDArray[np.uint8]], Floats]:
        return _in_openvino(self) if self.runtime == OPENVINO else self._in_torch

    def _in_torch(self, pixels: NDArray[np.uint8]) -> Floats:
        with torch.inference_mode():
            return np.asarray(self.module(torch.from_numpy(pixels)).numpy(), dtype=np.float32)


def layer_reader(spec: NetworkFeatures, seed: int = 0, runtime: str = TORCH, threads: int = 0) -> LayerReader:
    """The backbone with its weights, and the layers to read.

    Args:
        spec: what is read.
        seed: draws the weights where the source is `none`.
        runtime: see `LayerReader`; anything but `openvino` is PyTorch.
        threads: of one pass; all cores where 0.

    Raises:
        SpecError: timm has no such backbone, or it has no such layer.
        WeightsError: the weights are unavailable or damaged.
    """
    backbone, weights = load_backbone(ModelSpec(backbone=spec.backbone, weights=spec.weights), seed)
    known = dict(backbone.named_modules())
    for name in spec.layers:
        if name not in known:
            raise SpecError(f"layers: {spec.backbone} has no '{name}'. {nearest(name, known)}")
    module = LayerModule(backbone, weights, spec).eval()
    return LayerReader(module, weights, spec, OPENVINO if runtime == OPENVINO else TORCH, threads)


class LayerModule(nn.Module):
    """uint8 (n, h, w, 3) to float32 (n, d)."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, backbone: nn.Module, weights: Weights, spec: NetworkFeatures) -> None:
        super().__init__()
        self.backbone, self.spec = backbone, spec
        mean, deviation = (torch.tensor(one).view(1, 3, 1, 1) for one in (weights.mean, weights.deviation))
        self.register_buffer("scale", 1 / (255 * deviation), persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Means and deviations of the layers, side by side."""
        images = pixels.permute(0, 3, 1, 2).float()
        cell = (images.amax(dim=1, keepdim=True) > BLACK).float() if self.spec.over == "cell" else None
        maps = _maps(self.backbone, self.spec.layers, images * self.scale + self.shift)
        found = [dict(zip(SUMMARIES, _summed_up(one, cell), strict=True)) for one in maps]
        return torch.cat([one[name] for one in found for name in self.spec.summary], dim=1)


class _EnoughError(Exception):
    """The last layer that is wanted has spoken."""


def _maps(backbone: nn.Module, layers: tuple[str, ...], inputs: torch.Tensor) -> list[torch.Tensor]:
    """Outputs of these layers; what comes after the last of them is not computed."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        found[name] = output
        if len(found) == len(set(layers)):
            raise _EnoughError

    modules = dict(backbone.named_modules())
    hooks = [
        modules[name].register_forward_hook(lambda _, __, output, name=name: keep(name, output)) for name in layers
    ]
    try:
        backbone(inputs)
    except _EnoughError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return [found[name] for name in layers]


def _summed_up(maps: torch.Tensor, cell: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """float (n, c) each: weighted mean and deviation of each channel of maps (n, c, h, w)."""
    if maps.ndim != 4:
        raise SpecError(f"layers: expected maps of height and width, got an output of shape {tuple(maps.shape)}.")
    if cell is None:
        weight = torch.ones_like(maps[:, :1])
    else:
        high, wide = (_averages(cell.shape[2 + axis], maps.shape[2 + axis]) for axis in (0, 1))
        weight = high @ cell @ wide.T
        weight = weight + (weight.sum(dim=(2, 3), keepdim=True) < SMALLEST_SHARE).float()
    weight = weight / weight.sum(dim=(2, 3), keepdim=True)
    mean = (maps * weight).sum(dim=(2, 3))
    variance = ((maps - mean[:, :, None, None]) ** 2 * weight).sum(dim=(2, 3))
    return mean, variance.sqrt()


def _averages(pixels: int, places: int) -> torch.Tensor:
    """Shares (places, pixels) by which pixels of a line are averaged down, as torch's adaptive pooling does."""
    return functional.adaptive_avg_pool1d(torch.eye(int(pixels))[None], int(places))[0].T


def _in_openvino(reader: LayerReader) -> Callable[[NDArray[np.uint8]], Floats]:
    core, settings = openvino_on_cpu("float32", reader.threads)
    size = reader.spec.crop.size_px
    example, graph = torch.zeros(2, size, size, 3, dtype=torch.uint8), io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():  # else every map of the pass is kept for a gradient
        warnings.simplefilter("ignore")  # the exporter's notes on its own future
        torch.onnx.export(
            reader.module, (example,), graph, dynamo=False, opset_version=17,  # type: ignore[arg-type]
            input_names=["pixels"], dynamic_axes={"pixels": {0: "images"}},
        )  # fmt: skip
    model = core.read_model(graph.getvalue())
    model.reshape([PASS, size, size, 3])
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda pixels: np.array(request.infer([pixels])[0], dtype=np.float32)

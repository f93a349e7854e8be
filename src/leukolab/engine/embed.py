"""Pixels into the network, and pooled features of the wholly frozen backbone, kept on disk by view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leukolab.base.files import atomic
from leukolab.base.keys import content_key
from leukolab.base.progress import progress
from leukolab.engine import views
from leukolab.engine.network import Classifier
from leukolab.engine.runtime import autocast
from leukolab.spec import AugmentSpec, RuntimeSpec

Rows = NDArray[np.int64]
FEATURES_VERSION = 1
"""Raised by hand when the same inputs would give other features."""
LARGEST = float(np.finfo(np.float16).max)
"""Kept features are cut off here."""


@dataclass(frozen=True)
class Images:
    """Packed pixels: uint8 (n, h, w, 3), and the content key of the store they lie in."""

    pixels: NDArray[np.uint8]
    key: str


def to_input(pixels: NDArray[np.uint8], network: Classifier, device: str, changes: views.Draw | None) -> torch.Tensor:
    """uint8 (n, h, w, 3) to normalised float32 (n, 3, h, w) in channels-last order, changed first if asked."""
    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
    if changes is not None:
        batch = views.change(batch, changes)
    mean = torch.tensor(network.weights.mean).view(1, 3, 1, 1).to(device)
    deviation = torch.tensor(network.weights.deviation).view(1, 3, 1, 1).to(device)
    scaled = batch.to(device).float().div_(255).sub_(mean).div_(deviation)
    return scaled.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class FrozenFeatures:
    """Pooled features of a wholly frozen backbone, by view; computed when first asked for, then read from disk."""

    network: Classifier
    images: Images
    augment: AugmentSpec
    runtime: RuntimeSpec
    seed: int
    home: Path

    def view(self, number: int) -> NDArray[np.float16]:
        """Features (n, d) of view `number` of every image; 0 is the plain one."""
        path = self.home / "features" / f"{self.key(number)}.npy"
        features = _opened(path)
        if features is None:
            self._compute(path, number)
            features = np.load(path, mmap_mode="r")
        return features

    def key(self, number: int) -> str:
        """Content key of a view's features."""
        weights = self.network.weights
        parameters: dict[str, object] = self.runtime.model_dump()
        if number:
            parameters |= {"augment": self.augment.model_dump(exclude={"views"}), "seed": self.seed, "view": number}
        inputs = {
            "pixels": self.images.key,
            "weights": weights.digest,
            "backbone": self.network.model.backbone.partition(".")[0],
        }
        parameters |= {"mean": weights.mean, "deviation": weights.deviation, "pooling": self.network.model.pooling}
        return content_key("pooled", FEATURES_VERSION, inputs, parameters)

    def _compute(self, path: Path, number: int) -> None:
        images = len(self.images.pixels)
        changes = views.draw(self.augment, images, self.seed, f"view {number}") if number else None
        size = self.runtime.evaluation_batch_size
        starts = range(0, images, size)
        network = self.network.to(self.runtime.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        width = self.network.head.in_features
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False}
        with atomic(path) as temporary, temporary.open("wb") as out, torch.inference_mode():
            np.lib.format.write_array_header_1_0(out, header | {"shape": (images, width)})
            for start in progress(starts, len(starts), f"features, view {number}"):
                rows = np.arange(start, min(start + size, images))
                shown = None if changes is None else changes[rows]
                batch = to_input(self.images.pixels[rows], network, self.runtime.device, shown)
                with autocast(self.runtime):
                    features = network.features(batch)
                out.write(features.float().clamp(-LARGEST, LARGEST).half().cpu().numpy().tobytes())


def _opened(path: Path) -> NDArray[np.float16] | None:
    """Features kept at `path`; None where there are none, or the file is damaged."""
    try:
        features: NDArray[np.float16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return features


def logits_of(network: Classifier, images: Images, rows: Rows, runtime: RuntimeSpec) -> torch.Tensor:
    """Logits (len(rows), outputs) of the plain view, in evaluation mode."""
    network.eval()
    pieces = []
    with torch.inference_mode():
        for start in range(0, len(rows), runtime.evaluation_batch_size):
            piece = rows[start : start + runtime.evaluation_batch_size]
            with autocast(runtime):
                features = network.features(to_input(images.pixels[piece], network, runtime.device, None))
            pieces.append(network.classify(features).cpu())
    return torch.cat(pieces) if pieces else torch.empty(0, network.head.out_features)


def probabilities(logits: torch.Tensor) -> NDArray[np.float32]:
    """Logits (n, 1) of a sigmoid head or (n, k) of a softmax head to probabilities (n, k), k at least 2."""
    logits = logits.float()
    if logits.shape[1] == 1:
        ones = torch.sigmoid(logits.double())
        both = torch.cat([1 - ones, ones], dim=1)
    else:
        both = torch.softmax(logits.double(), dim=1)
    result: NDArray[np.float32] = both.float().numpy()
    return result

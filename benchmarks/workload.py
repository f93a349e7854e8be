"""A network of the published studies, packed pixels of noise, and trainings on them: something to measure with."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from leukolab.base.home import Home
from leukolab.base.streams import stream
from leukolab.engine.bank import Bank
from leukolab.engine.cut import cut
from leukolab.engine.fastest import images_per_second
from leukolab.engine.network import Classifier, build, release
from leukolab.engine.pixels import Images, Rows
from leukolab.engine.reference import run_epoch
from leukolab.engine.runtime import resolve_runtime
from leukolab.engine.source import Source
from leukolab.engine.training import RolePart, Training
from leukolab.engine.trunk import Trunk, cut_depth
from leukolab.spec import RuntimeSpec, StageSpec, StudySpec, load_study

BACKBONES = {
    "lite0": ("tf_efficientnet_lite0.in1k", 224),
    "b3": ("tf_efficientnet_b3.aa_in1k", 224),
    "v2m": ("tf_efficientnetv2_m.in1k", 450),
    "tiny": ("test_efficientnet", 64),
}
"""Short name to the backbone and the size of its images; `tiny` is of no study, it tries a benchmark in seconds."""
HEAD = StageSpec(name="head", release="head", epochs=1)
LAST = StageSpec(name="finetune", release="last_stage", epochs=1)
WHOLE = StageSpec(name="whole", release="all", epochs=1)


@dataclass(frozen=True)
class Workload:
    """A backbone with weights drawn at random, `len(images)` images of noise, two classes, views as in `wen`.

    Attributes:
        runtime: device, precision, threads and the frozen part's runtime, chosen.
        home: a folder for what is kept.
    """

    spec: StudySpec
    runtime: RuntimeSpec
    network: Classifier
    images: Images
    home: Home

    @property
    def size_px(self) -> int:
        """Edge of an image."""
        return self.spec.image.size_px

    @cached_property
    def depth(self) -> int:
        """Stages above the cut."""
        return cut_depth(self.network, self.size_px, 1)

    @property
    def rows(self) -> Rows:
        """All images."""
        return np.arange(len(self.images))

    def trunk(self, **changes: object) -> Trunk:
        """The frozen part, with another runtime or precision where asked for."""
        return Trunk(self.network, self.size_px, self.depth, self.runtime.model_copy(update=changes), self.home)

    def bank(self) -> Bank:
        """The bank of the chosen runtime."""
        return Bank(self.trunk(), self.images, self.spec.training.augment, 1, self.home)

    def training(self, stage: StageSpec, name: str = "measured", views: int | str = 1) -> Training:
        """A training of one stage that trains on all images and validates on a batch of them."""
        images, batch = len(self.images), self.spec.training.batch_size
        augment = self.spec.training.augment.model_copy(update={"views": views})
        rows = self.rows
        parts = {
            "train": RolePart(rows, np.ones_like(rows)),
            "validation": RolePart(rows[:batch], np.ones_like(rows[:batch])),
        }
        return Training(
            name=name, images=self.images, labels=np.arange(images) % 2, parts=parts, stages=(stage,),
            settings=self.spec.training.model_copy(update={"augment": augment}), learning_rate=1e-4,
            class_weights=np.ones(2), seed=1, view_seed=1, runtime=self.runtime,
        )  # fmt: skip

    def learning(self, stage: StageSpec) -> tuple[Classifier, Training]:
        """A copy of the network on the device, what the stage trains released, and the training."""
        network = copy.deepcopy(self.network)
        network.to(self.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        release(network, stage.release)
        return network, self.training(stage)

    def epoch(self, stage: StageSpec, source_of: Callable[[Classifier, Training], Source]) -> Callable[[], int]:
        """One epoch of a stage, fed by a source; how many images that is."""
        network, training = self.learning(stage)
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer, source = torch.optim.Adam(learning, lr=1e-4, fused=True), source_of(network, training)

        def work() -> int:
            run_epoch(network, training, stage, 0, optimizer, source)
            return len(self.images)

        return work


def make(name: str, size_px: int, images: int, batch: int, runtime: dict[str, Any], home: Home) -> Workload:
    """Build a workload; where the frozen part's runtime is `auto`, the fastest here.

    Whether it agrees with PyTorch, as `study run` asks, is not: features of weights drawn at random hardly differ from
    image to image, and rounding differs as much.

    Args:
        name: short name of a backbone.
        size_px: edge of an image.
        images: how many.
        batch: images of a training step.
        runtime: settings of `RuntimeSpec` that are not open.
        home: a folder for what is kept.
    """
    spec = load_study("wen", [f"model.backbone={BACKBONES[name][0]}", "model.weights=none", f"image.size_px={size_px}",
                              f"training.batch_size={batch}"])  # fmt: skip
    network = build(spec.model, 2, 1)
    settings = resolve_runtime(RuntimeSpec(**runtime))
    if settings.trunk == "auto":
        settings = settings.model_copy(update={"trunk": _fastest(network, size_px, settings, home)})
    return Workload(spec, settings, network, noise(images, size_px, home / f"noise-{images}x{size_px}.npy"), home)


def _fastest(network: Classifier, size_px: int, settings: RuntimeSpec, home: Home) -> str:
    """The runtime that passes most images a second through the frozen part."""
    names = ("openvino", "torch") if settings.precision == "bfloat16" else ("openvino", "onnxruntime", "torch")
    speeds: dict[str, float] = {}
    for name in names:
        chosen = settings.model_copy(update={"trunk": name})
        with contextlib.suppress(ImportError):
            part = Trunk(network, size_px, cut_depth(network, size_px, 1), chosen, home)
            speeds[name] = images_per_second(part)
    return max(speeds, key=lambda name: speeds[name])


def noise(images: int, size_px: int, path: Path) -> Images:
    """Packed pixels of noise in a file, as packed images lie in one."""
    if not path.exists():
        file = np.lib.format.open_memmap(path, "w+", np.uint8, (images, size_px, size_px, 3))
        for row in range(images):
            file[row] = stream(1, "noise", row).integers(0, 256, file.shape[1:], np.uint8)
        file.flush()
    return Images(np.load(path, mmap_mode="r"), f"noise-{images}x{size_px}")


def forward_gflop(network: Classifier, size_px: int) -> float:
    """10^9 operations of one image through the backbone, counted by torch; a multiplication and addition are two."""
    network = copy.deepcopy(network).cpu().eval()
    return _counted(network.features, torch.zeros(1, 3, size_px, size_px))


def step_gflop(load: Workload, stage: StageSpec, from_pixels: bool = True) -> float:
    """The same of one image in a training step: what learns counts three times, forward and twice backward.

    The backward pass is not counted by torch, which takes depthwise convolutions for whole ones there.
    """
    everything = forward_gflop(load.network, load.size_px)
    halves = cut(load.network, 1)
    if stage.release == "all" or halves is None:
        return 3 * everything
    network = copy.deepcopy(load.network).cpu().eval()
    below = _counted(cut(network, 1).lower, torch.zeros(1, 3, load.size_px, load.size_px))  # type: ignore[union-attr]
    return 3 * (everything - below) + (below if from_pixels else 0)


def _counted(function: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function(inputs)
    return float(counter.get_total_flops()) / 1e9

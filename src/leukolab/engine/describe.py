"""The layers of a network for the report, and what a batch costs, for the estimate before a run."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from leukolab.engine.cut import cut
from leukolab.engine.fastest import images_per_second
from leukolab.engine.network import Classifier, release, released_depth, stages_of, train_mode
from leukolab.engine.pixels import to_input
from leukolab.engine.runtime import autocast
from leukolab.engine.trunk import Trunk
from leukolab.spec import RuntimeSpec, StageSpec


def layers(network: Classifier, size_px: int) -> list[dict[str, object]]:
    """One row per stage of the backbone, then pooling, dropout and head.

    Returns:
        Rows with `name`, `kind`, `output_shape`, `parameters`.
    """
    sizes = {name: parameter.numel() for name, parameter in network.backbone.named_parameters()}
    rows: list[dict[str, object]] = [
        {"name": "input", "kind": "RGB", "output_shape": f"{size_px} x {size_px} x 3", "parameters": 0}
    ]
    shapes = _shapes(network, size_px)
    for number, names in enumerate(stages_of(network.backbone)):
        first, last = names[0].rpartition(".")[0], names[-1].rpartition(".")[0]
        kind = first if first == last else f"{first} – {last}"
        count = sum(sizes[name] for name in names)
        rows.append(
            {"name": f"stage {number}", "kind": kind, "output_shape": shapes.get(last, ""), "parameters": count}
        )
    width, outputs = network.head.in_features, network.head.out_features
    head = sum(parameter.numel() for parameter in network.head.parameters())
    rows.append({"name": "pooling", "kind": "global pooling", "output_shape": str(width), "parameters": 0})
    rows.append({"name": "dropout", "kind": f"{network.dropout.p:g}", "output_shape": str(width), "parameters": 0})
    rows.append(
        {"name": "head", "kind": f"dense, {network.output.name}", "output_shape": str(outputs), "parameters": head}
    )
    return rows


def _shapes(network: Classifier, size_px: int) -> dict[str, str]:
    """Output of each module of the backbone for one image, as `height x width x channels`, by its name."""
    shapes: dict[str, str] = {}
    for name, _, output in _passed(network, size_px):
        sizes = [*output[2:], output[1]] if len(output) == 4 else list(output[1:])
        shapes[name] = " x ".join(str(size) for size in sizes)
    return shapes


def widest(network: Classifier, size_px: int) -> int:
    """Numbers that a pass holds at once for each image, at the least: input and output of its widest layer.

    For each number of the image that is 1 in a small vision transformer, 5 in EfficientNetV2-M, 15 in EfficientNet-B3.
    """
    modules = dict(network.backbone.named_modules())
    dense = (torch.nn.Conv2d, torch.nn.Linear)
    return max(
        math.prod(given) + math.prod(output)
        for name, given, output in _passed(network, size_px)
        if isinstance(modules[name], dense)
    )


def _passed(network: Classifier, size_px: int) -> list[tuple[str, Sequence[int], Sequence[int]]]:
    """Name, shape of the input and of the output of each module of the backbone that gives a tensor, for one image."""
    found: list[tuple[str, Sequence[int], Sequence[int]]] = []

    def note(name: str, inputs: tuple[object, ...], output: object) -> None:
        given = next((one.shape for one in inputs if isinstance(one, torch.Tensor)), (0,))
        if isinstance(output, torch.Tensor):
            found.append((name, given, output.shape))

    hooks = [
        module.register_forward_hook(lambda _module, inputs, output, name=name: note(name, inputs, output))
        for name, module in network.backbone.named_modules()
    ]
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        network.features(torch.zeros(1, 3, size_px, size_px, device=device))
    for hook in hooks:
        hook.remove()
    return found


def learning_parameters(network: Classifier, stages: tuple[StageSpec, ...]) -> dict[str, int]:
    """Numbers that learn in each stage."""
    counts = {}
    for stage in stages:
        release(network, stage.release)
        counts[stage.name] = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return counts


@dataclass(frozen=True)
class Cost:
    """Measured seconds per image: the frozen part, and a training step and a forward pass of each stage."""

    trunk_seconds: float
    step_seconds: dict[str, float]
    forward_seconds: dict[str, float]


def measure(trunk: Trunk, stages: tuple[StageSpec, ...], kept_depth: int) -> Cost:
    """Time small batches of noise; a few seconds, for an estimate within a factor of two.

    Args:
        trunk: the frozen part; its network is copied, not changed.
        stages: of one reading.
        kept_depth: activations are kept below so many stages; deeper stages are fed from pixels.
    """
    network, runtime = copy.deepcopy(trunk.network), trunk.runtime
    network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps, forwards = {}, {}
    for stage in stages:
        depth = released_depth(network, stage.release)
        if depth == 0:
            steps[stage.name] = forwards[stage.name] = 0.0
            continue
        inputs, features = _fed(network, trunk, depth == kept_depth)
        release(network, stage.release)
        train_mode(network)
        steps[stage.name] = _seconds(lambda: _step(network, inputs, features, runtime)) / len(inputs)  # noqa: B023
        network.eval()
        with torch.inference_mode():
            forwards[stage.name] = _seconds(lambda: _forward(inputs, features, runtime)) / len(inputs)  # noqa: B023
    return Cost(1 / images_per_second(trunk), steps, forwards)


Features = Callable[[torch.Tensor], torch.Tensor]


def _fed(network: Classifier, trunk: Trunk, kept: bool) -> tuple[torch.Tensor, Features]:
    """A batch of noise as a stage would see it, and the way from there to pooled features."""
    halves = cut(network, trunk.depth) if kept and trunk.shape else None
    if halves is None or trunk.shape is None:
        pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (8, trunk.size_px, trunk.size_px, 3))
        return to_input(pixels.astype(np.uint8), network, trunk.runtime.device), network.features
    height, width, channels = trunk.shape
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(64, height, width, channels, generator=generator).to(trunk.runtime.device)
    return noise.permute(0, 3, 1, 2), halves.upper


def _forward(inputs: torch.Tensor, features: Features, runtime: RuntimeSpec) -> None:
    with autocast(runtime):
        features(inputs)


def _step(network: Classifier, inputs: torch.Tensor, features: Features, runtime: RuntimeSpec) -> None:
    with autocast(runtime):
        pooled = features(inputs)
    labels = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
    network.output.losses(network.classify(pooled), labels).mean().backward()  # type: ignore[no-untyped-call]
    network.zero_grad(set_to_none=True)


def _seconds(work: Callable[[], None]) -> float:
    """The shortest of three, after one to warm up: other programs only ever make it longer."""
    work()
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)

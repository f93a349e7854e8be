"""The layers of a network for the report, and what a batch costs, for `--dry-run`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from leukolab.engine.embed import to_input
from leukolab.engine.network import Classifier, release, stages_of, train_mode
from leukolab.engine.reference import losses
from leukolab.engine.runtime import autocast
from leukolab.spec import RuntimeSpec, StageSpec


def layers(network: Classifier, size_px: int) -> list[dict[str, object]]:
    """One row a stage of the backbone, then pooling, dropout and head: name, parameters, share released last.

    Returns:
        Rows with `name`, `kind`, `output_shape`, `parameters`.
    """
    sizes = {name: parameter.numel() for name, parameter in network.backbone.named_parameters()}
    rows: list[dict[str, object]] = [
        {"name": "input", "kind": "RGB image", "output_shape": f"{size_px} x {size_px} x 3", "parameters": 0}
    ]
    shapes = _shapes(network, size_px)
    for number, names in enumerate(stages_of(network.backbone)):
        first, last = names[0].rpartition(".")[0], names[-1].rpartition(".")[0]
        kind = first if first == last else f"{first} to {last}"
        count = sum(sizes[name] for name in names)
        rows.append(
            {"name": f"stage {number}", "kind": kind, "output_shape": shapes.get(last, ""), "parameters": count}
        )
    width, outputs = network.head.in_features, network.head.out_features
    head = sum(parameter.numel() for parameter in network.head.parameters())
    rows.append({"name": "pooling", "kind": "global pooling", "output_shape": str(width), "parameters": 0})
    rows.append({"name": "dropout", "kind": f"rate {network.dropout.p:g}", "output_shape": str(width), "parameters": 0})
    final = "sigmoid" if outputs == 1 else "softmax"
    rows.append({"name": "head", "kind": f"dense, {final}", "output_shape": str(outputs), "parameters": head})
    return rows


def _shapes(network: Classifier, size_px: int) -> dict[str, str]:
    """Output of each module of the backbone for one image, as `height x width x channels`, by its name."""
    shapes: dict[str, str] = {}

    def note(name: str, output: object) -> None:
        if isinstance(output, torch.Tensor):
            sizes = [*output.shape[2:], output.shape[1]] if output.ndim == 4 else list(output.shape[1:])
            shapes[name] = " x ".join(str(size) for size in sizes)

    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: note(name, output))
        for name, module in network.backbone.named_modules()
    ]
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        network.features(torch.zeros(1, 3, size_px, size_px, device=device))
    for hook in hooks:
        hook.remove()
    return shapes


def learning_parameters(network: Classifier, stages: tuple[StageSpec, ...]) -> dict[str, int]:
    """Numbers that learn in each stage."""
    counts = {}
    for stage in stages:
        release(network, stage.release)
        counts[stage.name] = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return counts


@dataclass(frozen=True)
class Cost:
    """Measured seconds an image: forward only, and one training step of each stage."""

    forward_seconds: float
    step_seconds: dict[str, float]


def measure(network: Classifier, stages: tuple[StageSpec, ...], size_px: int, runtime: RuntimeSpec) -> Cost:
    """Time a small batch of noise through the network; a few seconds, for an estimate within a factor of two."""
    batch = 8
    pixels = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (batch, size_px, size_px, 3), np.uint8)
    network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = to_input(pixels, network, runtime.device, None)
    network.eval()
    with torch.inference_mode():
        forward = _seconds(lambda: _forward(network, inputs, runtime))
    steps = {stage.name: _seconds(lambda stage=stage: _step(network, stage, inputs, runtime)) for stage in stages}  # type: ignore[misc]
    return Cost(forward / batch, {name: seconds / batch for name, seconds in steps.items()})


def _forward(network: Classifier, inputs: torch.Tensor, runtime: RuntimeSpec) -> None:
    with autocast(runtime):
        network.features(inputs)


def _step(network: Classifier, stage: StageSpec, inputs: torch.Tensor, runtime: RuntimeSpec) -> None:
    release(network, stage.release)
    train_mode(network)
    with autocast(runtime):
        features = network.features(inputs)
    losses(
        network.classify(features), torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
    ).mean().backward()  # type: ignore[no-untyped-call]
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

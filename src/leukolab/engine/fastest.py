"""The choice of the runtime for the frozen part: the fastest in a short measurement on this machine."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

import numpy as np

from leukolab.base.errors import LeukolabError
from leukolab.base.home import Home
from leukolab.engine.network import Classifier
from leukolab.engine.runners import RUNNERS, Outputs, Runner, runner_of
from leukolab.engine.trunk import Trunk
from leukolab.spec import RuntimeSpec

NEWS = logging.getLogger(__name__)
TOLERANCE = {"float32": 2e-3, "bfloat16": 8e-2}
"""Largest difference from PyTorch in float32 that a runtime may show, as a share of the features' spread."""
BATCHES = (16, 64)
"""Batch sizes that are tried."""
COMPARED = 4
"""Images of noise by which a runtime is compared with PyTorch."""
SPEED_UP = 1.1
"""Minimum speed-up before a larger batch is preferred; with small ones, fewer images are computed for nothing."""
TRIAL = 4
"""Passes that it takes to try a batch size, about."""
SECONDS = 0.3
"""How long a runtime is measured, about; the best pass counts."""


def fastest_runtime(
    network: Classifier, size_px: int, depth: int, runtime: RuntimeSpec, home: Home, images: float = math.inf
) -> RuntimeSpec:
    """Fill in `trunk` and `trunk_batch_size` where they are open: the fastest in a short measurement here.

    A runtime whose features differ from PyTorch's by more than TOLERANCE is left out; the news say so. Larger batches
    are tried where they can save more than the trial takes.

    Args:
        network: whose frozen part it is.
        size_px: edge of the images.
        depth: of the cut, 0 for none.
        runtime: with device and precision chosen.
        home: folder where the frozen part is written for other runtimes.
        images: how many are to come, each view counted.
    """
    if runtime.trunk != "auto" and runtime.trunk_batch_size is not None:
        return runtime
    if runtime.device == "cuda":
        size = runtime.trunk_batch_size or runtime.evaluation_batch_size
        return runtime.model_copy(update={"trunk": "torch", "trunk_batch_size": size})
    names = _candidates(runtime) if runtime.trunk == "auto" else [runtime.trunk]
    sizes = _sizes(images) if runtime.trunk_batch_size is None else [runtime.trunk_batch_size]
    runners = _sound(network, names, (size_px, depth, sizes[0]), runtime, home)
    if not runners:
        raise LeukolabError(f"runtime.trunk: {', '.join(names)} cannot run this backbone here. Use 'torch' or 'auto'.")
    speeds = {name: _speed(run, sizes[0], size_px) for name, run in runners.items()}
    name = max(speeds, key=lambda one: speeds[one])
    size, speeds[name] = _fastest_size(runners[name], sizes, speeds[name], size_px)
    tried = ", ".join(f"{one} {speed:.0f}" for one, speed in speeds.items())
    NEWS.info(f"frozen part: {name}, {size} images a pass (images/s: {tried})")
    return runtime.model_copy(update={"trunk": name, "trunk_batch_size": size})


def _fastest_size(run: Runner, sizes: Sequence[int], smallest_speed: float, size_px: int) -> tuple[int, float]:
    """The batch size that is fastest, and its images per second; the first where no other is SPEED_UP times as fast."""
    speeds = {sizes[0]: smallest_speed}
    for size in sizes[1:]:
        _pass(run, size, size_px)  # compiles for this size
        speeds[size] = _speed(run, size, size_px)
    best = max(speeds, key=lambda one: speeds[one] * (SPEED_UP if one == sizes[0] else 1))
    return best, speeds[best]


def _sizes(images: float) -> list[int]:
    """Batch sizes worth trying for this number of images."""
    smallest, *larger = BATCHES
    return [smallest, *(size for size in larger if images * (1 - 1 / SPEED_UP) > TRIAL * size)]


def _sound(
    network: Classifier, names: Sequence[str], shape: tuple[int, int, int], runtime: RuntimeSpec, home: Home
) -> dict[str, Runner]:
    """The runtimes among `names` that are installed and agree with PyTorch on noise, compiled for passes of this size.

    The news say why others are left out.

    PyTorch itself stays: where even it strays in this precision (weights drawn at random in a deep network), the plain
    loop strays too. What a stand-in computes is not used, so nothing is left out for it.

    Args:
        shape: edge of the images in pixels, depth of the cut, images of noise.
    """
    size_px, depth, images = shape
    trunk = Trunk(network, size_px, depth, runtime, home)
    exact = runtime.model_copy(update={"trunk": "torch", "precision": "float32"})
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (images, size_px, size_px, 3), np.uint8)
    expected = runner_of(Trunk(network, size_px, depth, exact, home))(noise[:COMPARED])
    runners: dict[str, Runner] = {}
    for name in names:
        try:
            run = RUNNERS[name](trunk)
            strays = _difference(run(noise), expected)  # all of it: compiles for passes of this size
        except Exception as error:  # each runtime has errors of its own kind
            NEWS.warning(f"{name}: left out ({[*str(error).splitlines(), type(error).__name__][0]})")
            continue
        if name != "torch" and not network.stand_in and strays > TOLERANCE[runtime.precision]:
            NEWS.warning(f"{name}: left out, its features differ by {strays:.1%} from PyTorch's")
            continue
        runners[name] = run
    return runners


def images_per_second(trunk: Trunk) -> float:
    """What the chosen runtime does with ready arrays, measured in about half a second."""
    run, size = runner_of(trunk), trunk.runtime.trunk_batch_size or BATCHES[0]
    _pass(run, size, trunk.size_px)  # may compile
    return _speed(run, size, trunk.size_px)


def _candidates(runtime: RuntimeSpec) -> list[str]:
    """ONNX Runtime has no bfloat16 on CPUs."""
    return ["openvino", "torch"] if runtime.precision == "bfloat16" else ["openvino", "onnxruntime", "torch"]


def _difference(outputs: Outputs, expected: Outputs) -> float:
    """Mean absolute difference of the first images as a share of the spread, the larger of the two outputs."""
    shares = [
        float(np.abs(ours[: len(theirs)] - theirs).mean() / (theirs.std() + 1e-12))
        for ours, theirs in zip(outputs, expected, strict=True)
        if ours is not None and theirs is not None
    ]
    return max(shares)


def _speed(run: Runner, size: int, size_px: int) -> float:
    """Images per second of ready arrays, after compiling: the best of a few passes in `SECONDS`."""
    started = time.perf_counter()
    best = _pass(run, size, size_px)
    while time.perf_counter() - started < SECONDS:
        best = min(best, _pass(run, size, size_px))
    return size / best


def _pass(run: Runner, size: int, size_px: int) -> float:
    """Seconds that one pass takes."""
    pixels = np.zeros((size, size_px, size_px, 3), np.uint8)
    pixels[:, ::2] = 200
    started = time.perf_counter()
    run(pixels)
    return time.perf_counter() - started

"""The frozen part of a network as one function, in the runtime that is fastest here: OpenVINO, ONNX Runtime or PyTorch.

One pass gives both what stage 1 needs (pooled features) and what later stages need (activations at the cut).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from leukolab.base import shelf
from leukolab.base.errors import LeukolabError
from leukolab.base.files import atomic
from leukolab.base.home import Home
from leukolab.base.keys import content_key
from leukolab.engine.cut import cut
from leukolab.engine.network import Classifier
from leukolab.engine.runtime import autocast
from leukolab.spec import RuntimeSpec

NEWS = logging.getLogger(__name__)

TRUNK_VERSION = 1
"""Raised by hand when the same inputs would give other features."""
Floats = NDArray[np.float32] | NDArray[np.float16]
Outputs = tuple[Floats, Floats | None]
"""float32; float16 already where a graphics card has computed them."""
LARGEST = float(np.finfo(np.float16).max)
"""Kept features are cut off here."""
Pixels = NDArray[np.uint8] | torch.Tensor
Runner = Callable[[Pixels], Outputs]
"""uint8 (b, h, w, 3) to pooled features (b, d) and activations at the cut (b, h', w', c), or None.

A tensor, already on the card, is for PyTorch alone.
"""
TOLERANCE = {"float32": 2e-3, "bfloat16": 8e-2}
"""Largest difference from PyTorch in float32 that a runtime may show, as a share of the features' spread."""
BATCHES = (16, 64)
"""Sizes of a pass that are tried."""
COMPARED = 4
"""Images of noise by which a runtime is compared with PyTorch."""
MUCH = 1.1
"""How many times the speed of the smallest pass a larger one must reach; small ones leave out more images."""
TRIAL = 4
"""Passes that it takes to try a size, about."""
SECONDS = 0.3
"""How long a runtime is measured, about; the best pass counts."""
MOST_ACTIVATIONS = 4
"""Activations are kept where an image's are at most so many times its pixels, in bytes."""


@dataclass(frozen=True)
class Trunk:
    """The frozen part of `network`, cut below the last `depth` stages (0: nothing is cut off)."""

    network: Classifier
    size_px: int
    depth: int
    runtime: RuntimeSpec
    home: Home

    @cached_property
    def module(self) -> _Frozen:
        """Pixels to both outputs, in PyTorch."""
        return _Frozen(self.network, self.depth).eval()

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

    @cached_property
    def run(self) -> Runner:
        """The frozen part in the chosen runtime.

        Raises:
            LeukolabError: that runtime is not installed.
        """
        try:
            return _RUNNERS[self.runtime.trunk](self)
        except ImportError as error:
            raise LeukolabError(
                f"runtime.trunk: this run computes its frozen part in {self.runtime.trunk}, which cannot be imported "
                f"here ({error}). Install it, or have the runtime measured again with --retune."
            ) from error

    def exported(self) -> Path:
        """The frozen part as an ONNX file in the home folder, written when first asked for."""
        weights = self.network.weights
        key = content_key(
            "onnx", TRUNK_VERSION, {"weights": weights.digest, "backbone": self.network.model.backbone},
            {"mean": weights.mean, "deviation": weights.deviation, "pooling": self.network.model.pooling,
             "depth": self.depth, "size_px": self.size_px},
        )  # fmt: skip
        path = self.home / "trunks" / f"{key}.onnx"
        if not _readable(path):
            example = torch.zeros(2, self.size_px, self.size_px, 3, dtype=torch.uint8)
            with atomic(path) as temporary, _quiet():
                torch.onnx.export(
                    self.module, (example,), str(temporary), dynamo=False, opset_version=17,
                    input_names=["pixels"], output_names=["pooled", "activations"][: 1 + bool(self.depth)],
                    dynamic_axes={"pixels": {0: "images"}},
                )  # fmt: skip
        shelf.used(path)
        return path


def _readable(path: Path) -> bool:
    """Whether an ONNX file is there and not cut short."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return bool(onnx.load(path).graph.node)
    except (OSError, DecodeError):
        return False


class _Frozen(nn.Module):
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
    """As float16, cut off at `LARGEST`."""
    if values.dtype == np.float16:
        return values.astype(np.float16, copy=False)
    return np.clip(values, -LARGEST, LARGEST).astype(np.float16)


def fastest_runtime(
    network: Classifier, size_px: int, depth: int, runtime: RuntimeSpec, home: Home, images: float = math.inf
) -> RuntimeSpec:
    """Fill in `trunk` and `trunk_batch_size` where they are open: the fastest in a short measurement here.

    A runtime whose features stray from PyTorch's by more than TOLERANCE is left out, and said so. Larger passes are
    tried where they can save more than the trial takes.

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
    by_size = {sizes[0]: speeds[name]}
    for size in sizes[1:]:
        _pass(runners[name], size, size_px)  # compiles for this size
        by_size[size] = _speed(runners[name], size, size_px)
    size = max(by_size, key=lambda one: by_size[one] * (MUCH if one == sizes[0] else 1))
    tried = ", ".join(f"{one} {by_size[size] if one == name else speed:.0f}" for one, speed in speeds.items())
    NEWS.info(f"frozen part: {name}, {size} images a pass (images/s: {tried})")
    return runtime.model_copy(update={"trunk": name, "trunk_batch_size": size})


def _sizes(images: float) -> list[int]:
    """Sizes of a pass worth trying for so many images."""
    smallest, *larger = BATCHES
    return [smallest, *(size for size in larger if images * (1 - 1 / MUCH) > TRIAL * size)]


def _sound(
    network: Classifier, names: Sequence[str], shape: tuple[int, int, int], runtime: RuntimeSpec, home: Home
) -> dict[str, Runner]:
    """The runtimes among `names` that are here and agree with PyTorch on noise; of the others it is said why not.

    They have compiled for passes of this size.

    PyTorch itself stays: where even it strays in this precision (weights drawn at random in a deep network), the plain
    loop does so too.

    Args:
        shape: edge of the images in pixels, depth of the cut, images of noise.
    """
    size_px, depth, images = shape
    trunk = Trunk(network, size_px, depth, runtime, home)
    exact = runtime.model_copy(update={"trunk": "torch", "precision": "float32"})
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (images, size_px, size_px, 3), np.uint8)
    expected = Trunk(network, size_px, depth, exact, home).run(noise[:COMPARED])
    runners: dict[str, Runner] = {}
    for name in names:
        try:
            run = _RUNNERS[name](trunk)
            strays = _difference(run(noise), expected)  # all of it: compiles for passes of this size
        except Exception as error:  # each runtime has errors of its own kind
            NEWS.warning(f"{name}: left out ({[*str(error).splitlines(), type(error).__name__][0]})")
            continue
        if name != "torch" and strays > TOLERANCE[runtime.precision]:
            NEWS.warning(f"{name}: left out, its features differ by {strays:.1%} from PyTorch's")
            continue
        runners[name] = run
    return runners


def images_per_second(trunk: Trunk) -> float:
    """What the chosen runtime does with ready arrays, measured in about half a second."""
    size = trunk.runtime.trunk_batch_size or BATCHES[0]
    _pass(trunk.run, size, trunk.size_px)  # may compile
    return _speed(trunk.run, size, trunk.size_px)


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
    """Images a second of ready arrays, once it has compiled for them: the best of a few passes in `SECONDS`."""
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


def _on_host(values: torch.Tensor) -> Floats:
    """A graphics card makes float16 of it before it is brought over: half the bytes, and no work here."""
    values = values.float()
    return (values.clamp(-LARGEST, LARGEST).half() if values.is_cuda else values).cpu().numpy()


def _torch_runner(trunk: Trunk) -> Runner:
    runtime, module = trunk.runtime, trunk.module
    module.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(pixels: Pixels) -> Outputs:
        with torch.inference_mode(), autocast(runtime):
            outputs = module(torch.as_tensor(pixels).to(runtime.device))
            pooled, activations = outputs if trunk.depth else (outputs, None)
            return _on_host(pooled), None if activations is None else _on_host(activations)

    return run


def _device(network: Classifier) -> torch.device:
    return next(network.parameters()).device


def _onnxruntime_runner(trunk: Trunk) -> Runner:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it tells its makers of every use, with the path of the program
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = trunk.runtime.threads or 0
    session = onnxruntime.InferenceSession(str(trunk.exported()), options, providers=["CPUExecutionProvider"])

    def run(pixels: Pixels) -> Outputs:
        outputs = session.run(None, {"pixels": pixels})
        return outputs[0], outputs[1] if trunk.depth else None

    return run


def _openvino_runner(trunk: Trunk) -> Runner:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as above; it can do without
    import openvino

    core = openvino.Core()
    model = core.read_model(str(trunk.exported()))
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[trunk.runtime.precision],
        "INFERENCE_NUM_THREADS": trunk.runtime.threads or 0,
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": False,  # else every process on this machine takes the same cores, and keeps them after
    }
    requests: dict[int, openvino.InferRequest] = {}

    def run(pixels: Pixels) -> Outputs:
        size = len(pixels)
        if size not in requests:
            model.reshape([size, trunk.size_px, trunk.size_px, 3])
            requests[size] = core.compile_model(model, "CPU", settings).create_infer_request()
        outputs = requests[size].infer([pixels])
        return outputs[0], outputs[1] if trunk.depth else None

    return run


_RUNNERS: dict[str, Callable[[Trunk], Runner]] = {
    "torch": _torch_runner,
    "onnxruntime": _onnxruntime_runner,
    "openvino": _openvino_runner,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own deprecation notes, which tell a user nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

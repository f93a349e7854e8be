"""The runtimes that compute the frozen part: PyTorch, ONNX Runtime and OpenVINO."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leukolab.base.errors import LeukolabError
from leukolab.engine.runtime import autocast
from leukolab.engine.trunk import LARGEST, Trunk

Floats = NDArray[np.float32] | NDArray[np.float16]
Outputs = tuple[Floats, Floats | None]
"""float32; float16 already where a graphics card has computed them."""
Pixels = NDArray[np.uint8] | torch.Tensor
Runner = Callable[[Pixels], Outputs]
"""uint8 (b, h, w, 3) to pooled features (b, d) and activations at the cut (b, h', w', c), or None.

A tensor, already on the card, is for PyTorch alone.
"""


def runner_of(trunk: Trunk) -> Runner:
    """The frozen part in the runtime that its settings name.

    Raises:
        LeukolabError: that runtime is not installed.
    """
    try:
        return RUNNERS[trunk.runtime.trunk](trunk)
    except ImportError as error:
        raise LeukolabError(
            f"runtime.trunk: this run computes its frozen part in {trunk.runtime.trunk}, which cannot be imported "
            f"here ({error}). Install it, or measure the runtime again with retune.",
            settings=("retune",),
        ) from error


def _on_host(values: torch.Tensor) -> Floats:
    """Values on the CPU; a graphics card converts to float16 before the copy, which halves the bytes."""
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


def _onnxruntime_runner(trunk: Trunk) -> Runner:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else it tells its makers of every use, with the path of the program
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # on Windows
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = trunk.runtime.threads or 0
    session = onnxruntime.InferenceSession(trunk.exported(), options, providers=["CPUExecutionProvider"])

    def run(pixels: Pixels) -> Outputs:
        outputs = session.run(None, {"pixels": pixels})
        return outputs[0], outputs[1] if trunk.depth else None

    return run


def openvino_on_cpu(precision: str, threads: int) -> tuple[Any, dict[str, Any]]:
    """OpenVINO's core, and what every model of ours is compiled with.

    Args:
        precision: `float32` or `bfloat16`. threads: of one pass; all cores where 0.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would tell its makers of every use
    import openvino

    return openvino.Core(), {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": False,  # else every process on this machine takes the same cores, and keeps them after
    }


def _openvino_runner(trunk: Trunk) -> Runner:
    core, settings = openvino_on_cpu(trunk.runtime.precision, trunk.runtime.threads or 0)
    model = core.read_model(trunk.exported())
    requests: dict[int, Any] = {}

    def run(pixels: Pixels) -> Outputs:
        size = len(pixels)
        if size not in requests:
            model.reshape([size, trunk.size_px, trunk.size_px, 3])
            requests[size] = core.compile_model(model, "CPU", settings).create_infer_request()
        outputs = requests[size].infer([pixels])
        return outputs[0], outputs[1] if trunk.depth else None

    return run


RUNNERS: dict[str, Callable[[Trunk], Runner]] = {
    "torch": _torch_runner,
    "onnxruntime": _onnxruntime_runner,
    "openvino": _openvino_runner,
}

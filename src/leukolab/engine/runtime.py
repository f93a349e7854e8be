"""Device, precision and threads: chosen once when a run is made, written into its settings, obeyed on resume."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from leukolab.base.cores import cores
from leukolab.base.errors import SpecError
from leukolab.spec import RuntimeSpec


def resolve_runtime(runtime: RuntimeSpec, processes: int = 1) -> RuntimeSpec:
    """Fill in what is `auto`: the graphics card where there is one, bfloat16 where the hardware has it.

    Args:
        runtime: what is asked for.
        processes: how many jobs are to run side by side and share the cores.

    Raises:
        SpecError: `cuda` is asked for and unavailable.
    """
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise SpecError(
            "runtime.device: 'cuda' was asked for, but torch finds no CUDA device. Use runtime.device=cpu.",
            settings=("runtime.device",),
        )
    device = runtime.device if runtime.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    precision = runtime.precision
    if precision == "auto":
        precision = "bfloat16" if _fast_bfloat16(device) else "float32"
    threads = runtime.threads or max(1, cores() // processes)
    return runtime.model_copy(update={"device": device, "precision": precision, "threads": threads})


def one_core() -> None:
    """Let what this thread asks of PyTorch take no other cores."""
    torch.set_num_threads(1)


@contextlib.contextmanager
def settled(runtime: RuntimeSpec) -> Iterator[None]:
    """Deterministic algorithms and the chosen number of threads while the block runs."""
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(runtime.threads or before)
    _keep_memory()
    torch.use_deterministic_algorithms(True)
    memory: Any = torch.utils.deterministic  # torch makes this attribute at import; its types do not show it
    # Else every new tensor is filled with NaN before it is written: over a quarter of a stage 2 step, measured here.
    filling, memory.fill_uninitialized_memory = memory.fill_uninitialized_memory, False
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filling


def autocast(runtime: RuntimeSpec) -> AbstractContextManager[object]:
    """Mixed precision where the settings say bfloat16, else nothing."""
    return torch.autocast(runtime.device, dtype=torch.bfloat16, enabled=runtime.precision == "bfloat16")


def description() -> dict[str, str]:
    """The machine and the versions that computed, for the run's environment file."""
    import timm
    import torchvision

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "–"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
        "gpu": gpu,
        "cores": str(cores()),
    }


def _keep_memory() -> None:
    """Ask glibc to keep freed memory: else each large activation is mapped, zeroed and unmapped anew.

    Measured here on Lite0 at 224 pixels, batch 64: a quarter of the processor time went into page faults.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    mmap_threshold, trim_threshold, largest = -3, -1, 2**31 - 1
    libc.mallopt(mmap_threshold, largest)
    libc.mallopt(trim_threshold, largest)


def _fast_bfloat16(device: str) -> bool:
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(supported and supported() and _has_bfloat16_instructions())


def _has_bfloat16_instructions() -> bool:
    """Native bfloat16 dot products; oneDNN also emulates them, which is slower than float32."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16")
    return any(capabilities.get(name, False) for name in native) if capabilities else False

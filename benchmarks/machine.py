"""The machine a benchmark ran on: what it is, and the matrix-product peak it reaches.

python benchmarks/machine.py
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PACKAGES = ("leukolab", "numpy", "scikit-learn", "torch", "torchvision", "timm", "onnxruntime", "openvino", "pillow")
BENCHMARKS = Path(__file__).resolve().parent


def describe() -> dict[str, Any]:
    """Processor, cores, memory in GiB, graphics card, versions, commit, date, load; nothing that names the machine."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "bfloat16_instructions": "avx512_bf16" in _cpu_flags() or "bf16" in _cpu_flags(),
        "memory_gib": memory_gib(),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def memory_gib() -> float:
    """Physical memory."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def gpu() -> str | None:
    """Name of the graphics card; None where torch finds none, or is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def commit() -> str | None:
    """Short hash of the commit, `+` behind it where source differs from it; None outside a clone."""
    head = _git("rev-parse", "--short", "HEAD")
    return head and head + ("+" if _git("status", "--porcelain", "--", "src", "benchmarks") else "")


def peaks(size: int = 2048, repeats: int = 7, device: str = "cpu") -> dict[str, float]:
    """Measured peak of square matrix products in GFLOP/s, best of `repeats`, by precision."""
    import torch

    return {
        str(dtype).removeprefix("torch."): round(_peak(size, repeats, device, dtype), 1)
        for dtype in (torch.float32, torch.bfloat16)
    }


def _peak(size: int, repeats: int, device: str, dtype: Any) -> float:
    import torch

    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(repeats + 1):
        started = time.perf_counter()
        product = left @ right
        float(product[0, 0])  # waits for a graphics card
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def _cpuinfo(name: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _cpu_flags() -> list[str]:
    return (_cpuinfo("flags") or _cpuinfo("Features")).split()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], cwd=BENCHMARKS.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def main() -> None:
    """Print the description and the peaks as JSON."""
    found = describe()
    found["matrix_product_gflops"] = peaks()
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

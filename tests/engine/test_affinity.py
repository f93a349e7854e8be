"""What computes the frozen part runs on whichever core is free, so that processes side by side do not share one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from leukolab.engine.network import Classifier
from leukolab.engine.runners import runner_of
from leukolab.engine.trunk import Trunk
from leukolab.spec import RuntimeSpec

CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@pytest.mark.skipif(len(CORES) < 2, reason="one core, or a system that does not tell")
@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_no_thread_is_bound_to_a_core(name: str, network: Classifier, tmp_path: Path) -> None:
    settings = RuntimeSpec(device="cpu", precision="float32", threads=1, trunk=name, trunk_batch_size=8)  # type: ignore[arg-type]
    run, done = runner_of(Trunk(network, 96, 0, settings, tmp_path)), threading.Event()
    pixels = np.zeros((8, 96, 96, 3), np.uint8)
    run(pixels)

    def passes() -> None:
        for _ in range(40):
            run(pixels)
        done.set()

    seen: set[frozenset[int]] = set()
    thread = threading.Thread(target=passes)
    thread.start()
    while not done.is_set():
        seen |= _affinities()
    thread.join()
    assert seen == {frozenset(CORES)}


def _affinities() -> set[frozenset[int]]:
    """Cores that each thread of this process may run on."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.add(frozenset(os.sched_getaffinity(int(task.name))))
        except ProcessLookupError:  # it has just ended
            continue
    return found

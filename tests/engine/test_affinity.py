"""What computes the frozen part leaves this process free to run on every core."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leukolab.engine.network import Classifier
from leukolab.engine.trunk import Trunk
from leukolab.spec import RuntimeSpec


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell the cores of a thread")
@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_no_thread_is_bound_to_a_core(name: str, network: Classifier, tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    settings = RuntimeSpec(device="cpu", precision="float32", threads=1, trunk=name, trunk_batch_size=2)  # type: ignore[arg-type]
    Trunk(network, 32, 0, settings, tmp_path).run(np.zeros((2, 32, 32, 3), np.uint8))
    assert os.sched_getaffinity(0) == before

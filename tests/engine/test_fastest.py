from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import numpy as np
import pytest

from leukolab.base.errors import LeukolabError
from leukolab.engine import fastest, runners
from leukolab.engine.fastest import fastest_runtime, images_per_second
from leukolab.engine.network import Classifier
from leukolab.engine.runners import Outputs, Runner
from leukolab.engine.trunk import Trunk
from leukolab.spec import RuntimeSpec

RUNTIME = RuntimeSpec(device="cpu", precision="float32", threads=1)
INSTALLED = [name for name in ("torch", "onnxruntime", "openvino") if importlib.util.find_spec(name)]
SIZE = 48


def test_what_is_open_is_measured_and_filled_in(network: Classifier, tmp_path: Path, said: list[str]) -> None:
    chosen = fastest_runtime(network, SIZE, 1, RUNTIME, tmp_path)
    assert chosen.trunk in INSTALLED
    assert chosen.trunk_batch_size in fastest.BATCHES
    assert chosen == RUNTIME.model_copy(update={"trunk": chosen.trunk, "trunk_batch_size": chosen.trunk_batch_size})
    (line,) = said
    assert f"frozen part: {chosen.trunk}, {chosen.trunk_batch_size} images a pass" in line
    assert all(f"{name} " in line for name in INSTALLED)
    assert fastest_runtime(network, SIZE, 1, chosen, tmp_path) == chosen
    assert said == [line]
    assert images_per_second(Trunk(network, SIZE, 1, chosen, tmp_path)) > 0


@pytest.mark.parametrize("given", [{"trunk": "torch"}, {"trunk": "torch", "trunk_batch_size": 3}])
def test_what_is_given_is_obeyed(given: dict[str, object], network: Classifier, tmp_path: Path) -> None:
    chosen = fastest_runtime(network, SIZE, 0, RUNTIME.model_copy(update=given), tmp_path)
    assert chosen.trunk == "torch"
    assert chosen.trunk_batch_size in ((3,) if "trunk_batch_size" in given else fastest.BATCHES)


@pytest.mark.parametrize(
    ("given", "images", "tried"),
    [(3, 1_000_000, {3}), (None, 2_500, {16}), (None, 3_000, {16, 64}), (None, math.inf, {16, 64})],
)
def test_sizes_are_tried_where_none_is_given_and_where_it_pays(
    given: int | None,
    images: float,
    tried: set[int],
    network: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: set[int] = set()
    speed = fastest._speed

    def watched(run: Runner, size: int, size_px: int) -> float:
        sizes.add(size)
        return speed(run, size, size_px)

    monkeypatch.setattr(fastest, "_speed", watched)
    monkeypatch.setattr(fastest, "_candidates", lambda _: ["torch"])
    chosen = fastest_runtime(network, SIZE, 0, RUNTIME.model_copy(update={"trunk_batch_size": given}), tmp_path, images)
    assert sizes == tried
    assert chosen.trunk_batch_size in tried


def straying(trunk: Trunk) -> Runner:
    """PyTorch's answers, one feature in a hundred wrong."""
    right = runners._torch_runner(trunk)

    def run(pixels: np.ndarray) -> Outputs:
        pooled, activations = right(pixels)
        pooled = pooled.copy()
        pooled[:, ::100] += pooled.std()
        return pooled, activations

    return run


def missing(_: Trunk) -> Runner:
    """A runtime that is not installed."""
    import no_such_runtime  # type: ignore[import-not-found]

    raise AssertionError(no_such_runtime)


def refusing(_: Trunk) -> Runner:
    """A runtime that cannot read the file."""
    raise RuntimeError("operator not supported\nand a long trace")


class RefusalError(Exception):
    """Of a runtime's own kind, without a word."""


def speechless(_: Trunk) -> Runner:
    """A runtime that gives no reason."""
    raise RefusalError


@pytest.mark.parametrize(
    ("runner", "why"),
    [
        (speechless, r"\(RefusalError\)$"),
        (straying, r"its features differ by 1\.\d% from PyTorch's"),
        (missing, r"\(No module named 'no_such_runtime'\)"),
        (refusing, r"\(operator not supported\)$"),
    ],
)
def test_a_runtime_that_strays_or_fails_is_left_out(
    runner: object,
    why: str,
    network: Classifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
) -> None:
    monkeypatch.setitem(runners.RUNNERS, "openvino", runner)
    monkeypatch.setattr(fastest, "_candidates", lambda _: ["openvino", "torch"])
    assert fastest_runtime(network, SIZE, 0, RUNTIME, tmp_path).trunk == "torch"
    assert re.search(rf"openvino: left out,? {why}", said[0])
    with pytest.raises(LeukolabError, match=r"runtime\.trunk: openvino cannot run this backbone here\. Use 'torch'"):
        fastest_runtime(network, SIZE, 0, RUNTIME.model_copy(update={"trunk": "openvino"}), tmp_path)


def test_pytorch_stays_where_its_own_precision_strays(
    network: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runners.RUNNERS, "torch", straying)
    monkeypatch.setattr(fastest, "_candidates", lambda _: ["torch"])
    assert fastest_runtime(network, SIZE, 0, RUNTIME, tmp_path).trunk == "torch"

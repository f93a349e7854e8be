from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from leukolab.base.errors import LeukolabError
from leukolab.engine import runners
from leukolab.engine.fastest import TOLERANCE
from leukolab.engine.network import Classifier, build
from leukolab.engine.runners import Outputs, Runner, runner_of
from leukolab.engine.trunk import Trunk
from leukolab.spec import ModelSpec, RuntimeSpec

RUNTIME = RuntimeSpec(device="cpu", precision="float32", threads=1)
INSTALLED = [name for name in ("torch", "onnxruntime", "openvino") if importlib.util.find_spec(name)]
SIZE = 48


@pytest.fixture(scope="module")
def lite0() -> Classifier:
    model = ModelSpec(backbone="tf_efficientnet_lite0.in1k", weights="packaged", head="sigmoid")
    return build(model, 2, 1).eval()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trunks")


def noise(images: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (images, SIZE, SIZE, 3), dtype=np.uint8)


def apart(ours: Outputs, theirs: Outputs) -> float:
    """Mean absolute difference as a share of the spread, the larger of the two outputs."""
    shares = []
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.shape == other.shape
            shares.append(float(np.abs(one - other).mean() / other.std()))
    return max(shares)


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("name", INSTALLED)
def test_every_runtime_says_what_torch_says(name: str, depth: int, lite0: Classifier, kept: Path) -> None:
    def outputs(runtime: str, images: int) -> Outputs:
        settings = RUNTIME.model_copy(update={"trunk": runtime, "trunk_batch_size": 4})
        return runner_of(Trunk(lite0, SIZE, depth, settings, kept))(noise(images))

    pooled, activations = outputs(name, 4)
    assert pooled.shape == (4, 1280)
    assert pooled.dtype == np.float32
    assert activations is None if depth == 0 else activations.shape == (4, 2, 2, 192)  # type: ignore[union-attr]
    assert apart((pooled, activations), outputs("torch", 4)) < TOLERANCE["float32"] / 10
    assert apart(outputs(name, 3), outputs("torch", 3)) < TOLERANCE["float32"] / 10, "another size of a pass"
    assert apart((pooled[::-1], None), (pooled, None)) > 0.1, "images are told apart"


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "onnxruntime"])
def test_bfloat16_is_near(name: str, lite0: Classifier, kept: Path) -> None:
    settings = RUNTIME.model_copy(update={"trunk": name, "precision": "bfloat16"})
    exact = runner_of(Trunk(lite0, SIZE, 1, RUNTIME.model_copy(update={"trunk": "torch"}), kept))(noise(4))
    assert apart(runner_of(Trunk(lite0, SIZE, 1, settings, kept))(noise(4)), exact) < TOLERANCE["bfloat16"]


def missing(_: Trunk) -> Runner:
    """A runtime that is not installed."""
    import no_such_runtime  # type: ignore[import-not-found]

    raise AssertionError(no_such_runtime)


def test_a_runtime_that_was_chosen_and_is_gone_is_one_sentence(
    network: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runners.RUNNERS, "openvino", missing)
    settings = RUNTIME.model_copy(update={"trunk": "openvino", "trunk_batch_size": 2})
    with pytest.raises(LeukolabError, match=r"in openvino, which cannot be imported here .* with retune\."):
        runner_of(Trunk(network, SIZE, 0, settings, tmp_path))(noise(2))

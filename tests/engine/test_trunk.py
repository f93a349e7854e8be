from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import numpy as np
import pytest

from leukolab.base.errors import LeukolabError
from leukolab.engine import trunk as trunks
from leukolab.engine.network import Classifier, build, stages_of
from leukolab.engine.trunk import TOLERANCE, Outputs, Runner, Trunk, cut_depth, fastest_runtime, images_per_second
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
        return Trunk(lite0, SIZE, depth, settings, kept).run(noise(images))

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
    exact = Trunk(lite0, SIZE, 1, RUNTIME.model_copy(update={"trunk": "torch"}), kept).run(noise(4))
    assert apart(Trunk(lite0, SIZE, 1, settings, kept).run(noise(4)), exact) < TOLERANCE["bfloat16"]


def test_what_is_open_is_measured_and_filled_in(network: Classifier, tmp_path: Path, said: list[str]) -> None:
    chosen = fastest_runtime(network, SIZE, 1, RUNTIME, tmp_path)
    assert chosen.trunk in INSTALLED
    assert chosen.trunk_batch_size in trunks.BATCHES
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
    assert chosen.trunk_batch_size in ((3,) if "trunk_batch_size" in given else trunks.BATCHES)


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
    speed = trunks._speed

    def watched(run: Runner, size: int, size_px: int) -> float:
        sizes.add(size)
        return speed(run, size, size_px)

    monkeypatch.setattr(trunks, "_speed", watched)
    monkeypatch.setattr(trunks, "_candidates", lambda _: ["torch"])
    chosen = fastest_runtime(network, SIZE, 0, RUNTIME.model_copy(update={"trunk_batch_size": given}), tmp_path, images)
    assert sizes == tried
    assert chosen.trunk_batch_size in tried


def straying(trunk: Trunk) -> Runner:
    """PyTorch's answers, one feature in a hundred wrong."""
    right = trunks._torch_runner(trunk)

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
    monkeypatch.setitem(trunks._RUNNERS, "openvino", runner)
    monkeypatch.setattr(trunks, "_candidates", lambda _: ["openvino", "torch"])
    assert fastest_runtime(network, SIZE, 0, RUNTIME, tmp_path).trunk == "torch"
    assert re.search(rf"openvino: left out,? {why}", said[0])
    with pytest.raises(LeukolabError, match=r"runtime\.trunk: openvino cannot run this backbone here\. Use 'torch'"):
        fastest_runtime(network, SIZE, 0, RUNTIME.model_copy(update={"trunk": "openvino"}), tmp_path)


def test_a_runtime_that_was_chosen_and_is_gone_is_one_sentence(
    network: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trunks._RUNNERS, "openvino", missing)
    settings = RUNTIME.model_copy(update={"trunk": "openvino", "trunk_batch_size": 2})
    with pytest.raises(LeukolabError, match=r"in openvino, which cannot be imported here .* with --retune\."):
        Trunk(network, SIZE, 0, settings, tmp_path).run(noise(2))


def test_the_exported_file_is_written_once_and_kept_apart(network: Classifier, tmp_path: Path) -> None:
    settings = RUNTIME.model_copy(update={"trunk": "onnxruntime", "trunk_batch_size": 2})
    path = Trunk(network, SIZE, 1, settings, tmp_path).exported()
    written = path.stat().st_ino
    assert Trunk(network, SIZE, 1, settings, tmp_path).exported() == path
    assert path.stat().st_ino == written
    pooled = build(network.model.model_copy(update={"pooling": "max"}), 2, 5)
    others = [Trunk(network, SIZE, 0, settings, tmp_path), Trunk(pooled, SIZE, 1, settings, tmp_path)]
    assert len({path, *(other.exported() for other in others)}) == 3


def test_the_cut_is_where_activations_are_small_enough_to_keep(network: Classifier) -> None:
    """128 channels at a quarter of the edge are more than four times the image in bytes: two a value, three a pixel."""
    assert [cut_depth(network, 64, depth) for depth in range(7)] == [0, 1, 2, 3, 4, 5, 0]
    wide = build(ModelSpec(backbone="test_nfnet", weights="none"), 2, 1)
    assert len(stages_of(wide.backbone)) == 5
    assert [cut_depth(wide, 64, depth) for depth in range(6)] == [0, 1, 2, 3, 0, 0]
    tokens = build(ModelSpec(backbone="test_vit_relpos", weights="none"), 2, 1)
    assert cut_depth(tokens, 160, 1) == 0, "tokens have no height and width"


def test_the_shape_is_that_of_the_activations(network: Classifier, tmp_path: Path) -> None:
    settings = RUNTIME.model_copy(update={"trunk": "torch"})
    for depth in range(4):
        trunk = Trunk(network, SIZE, depth, settings, tmp_path)
        _, activations = trunk.run(noise(2))
        assert trunk.shape == (None if activations is None else activations.shape[1:])


def test_pytorch_stays_where_its_own_precision_strays(
    network: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trunks._RUNNERS, "torch", straying)
    monkeypatch.setattr(trunks, "_candidates", lambda _: ["torch"])
    assert fastest_runtime(network, SIZE, 0, RUNTIME, tmp_path).trunk == "torch"

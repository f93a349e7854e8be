from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from leukolab.engine.network import Classifier, build, stages_of
from leukolab.engine.runners import runner_of
from leukolab.engine.trunk import Trunk, cut_depth
from leukolab.spec import ModelSpec, RuntimeSpec

RUNTIME = RuntimeSpec(device="cpu", precision="float32", threads=1)
SIZE = 48


def test_the_exported_file_is_written_once_and_kept_apart(network: Classifier, tmp_path: Path) -> None:
    settings = RUNTIME.model_copy(update={"trunk": "onnxruntime", "trunk_batch_size": 2})
    data = Trunk(network, SIZE, 1, settings, tmp_path).exported()
    (path,) = (tmp_path / "trunks").iterdir()
    written = path.stat().st_ino
    assert Trunk(network, SIZE, 1, settings, tmp_path).exported() == data
    assert path.stat().st_ino == written
    pooled = build(network.model.model_copy(update={"pooling": "max"}), 2, 5)
    others = [Trunk(network, SIZE, 0, settings, tmp_path), Trunk(pooled, SIZE, 1, settings, tmp_path)]
    assert len({data, *(other.exported() for other in others)}) == 3
    assert len(list((tmp_path / "trunks").iterdir())) == 3


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_damaged_exported_file_gives_no_features(network: Classifier, tmp_path: Path, name: str) -> None:
    """A weight with one other bit is still a network, and its features are other ones."""
    pytest.importorskip(name)
    trunk = Trunk(network, SIZE, 0, RUNTIME.model_copy(update={"trunk": name, "trunk_batch_size": 2}), tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
    expected, _ = runner_of(trunk)(pixels)
    (path,) = (tmp_path / "trunks").iterdir()
    whole = path.read_bytes()
    largest = max(onnx.load_from_string(trunk.exported()).graph.initializer, key=lambda one: len(one.raw_data))
    place = whole.index(largest.raw_data)
    path.write_bytes(whole[: place + 3] + bytes([whole[place + 3] ^ 64]) + whole[place + 4 :])
    again, _ = runner_of(trunk)(pixels)
    assert np.array_equal(again, expected)
    assert path.read_bytes() == whole


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
        _, activations = runner_of(trunk)(np.zeros((2, SIZE, SIZE, 3), np.uint8))
        assert trunk.shape == (None if activations is None else activations.shape[1:])

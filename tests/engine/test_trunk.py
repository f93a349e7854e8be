from __future__ import annotations

from pathlib import Path

import numpy as np

from leukolab.engine.network import Classifier, build, stages_of
from leukolab.engine.runners import runner_of
from leukolab.engine.trunk import Trunk, cut_depth
from leukolab.spec import ModelSpec, RuntimeSpec

RUNTIME = RuntimeSpec(device="cpu", precision="float32", threads=1)
SIZE = 48


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
        _, activations = runner_of(trunk)(np.zeros((2, SIZE, SIZE, 3), np.uint8))
        assert trunk.shape == (None if activations is None else activations.shape[1:])

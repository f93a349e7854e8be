from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from leukolab.engine import views
from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Images, to_input
from leukolab.spec import AugmentSpec


def test_pixels_are_normalised_as_the_weights_want(network: Classifier, images: Images) -> None:
    inputs = to_input(images.pixels[:2], network, "cpu", None)
    assert inputs.shape == (2, 3, 32, 32)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    mean, deviation = np.array(network.weights.mean), np.array(network.weights.deviation)
    by_hand = (images.pixels[1, 5, 9] / 255 - mean) / deviation
    assert np.allclose(inputs[1, :, 5, 9].numpy(), by_hand, atol=1e-6)


def test_pixels_are_changed_before_they_are_normalised(network: Classifier, images: Images) -> None:
    changes = views.draw(AugmentSpec(flip_horizontal=True, brightness=0.3), 4, 7, "view 1")
    direct = to_input(views.changed(images.pixels[:4], changes), network, "cpu", None)
    assert torch.equal(to_input(images.pixels[:4], network, "cpu", changes), direct)
    assert not torch.equal(direct, to_input(images.pixels[:4], network, "cpu", None))


def test_rows_are_the_same_from_memory_and_from_a_file(images: Images, tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, images.pixels)
    mapped = np.load(path, mmap_mode="r")
    kept = Images(mapped, "kept")
    assert isinstance(mapped, np.memmap)
    assert len(kept) == len(images) == 24
    for rows in (np.array([5, 3, 23, 3, 0]), np.array([17]), np.empty(0, np.int64)):
        assert np.array_equal(kept.read(rows), images.pixels[rows])
        assert np.array_equal(images.read(rows), images.pixels[rows])
        assert not np.shares_memory(images.read(rows), images.pixels)

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch

from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Images, to_input


def test_pixels_are_normalised_as_the_weights_want(network: Classifier, images: Images) -> None:
    inputs = to_input(images.pixels[:2], network, "cpu")
    assert inputs.shape == (2, 3, 32, 32)
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    mean, deviation = np.array(network.weights.mean), np.array(network.weights.deviation)
    by_hand = (images.pixels[1, 5, 9] / 255 - mean) / deviation
    assert np.allclose(inputs[1, :, 5, 9].numpy(), by_hand, atol=1e-6)


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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files")
def test_no_file_stays_open_for_pixels_that_are_no_longer_used(images: Images, tmp_path: Path) -> None:
    path = tmp_path / "pixels.npy"
    np.save(path, images.pixels)
    mapped = np.load(path, mmap_mode="r")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        Images(mapped, "kept").read(np.array([3]))
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before

"""The graphics card's ways, as far as a machine without one can try them: the same arithmetic on another device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from leukolab.engine import resident, views
from leukolab.engine.network import build
from leukolab.engine.pixels import Images
from leukolab.engine.trunk import LARGEST, Trunk, cut_depth, to_halves
from leukolab.spec import AugmentSpec, ModelSpec, RuntimeSpec

FLIPS_AND_TONES = AugmentSpec(flip_horizontal=True, flip_vertical=True, brightness=0.3, contrast=0.3)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    """150 images in a file, dark, bright and in between, with saturated values."""
    rng = np.random.default_rng(1)
    level = rng.integers(0, 256, (150, 1, 1, 3))
    pixels = np.clip(level + rng.normal(0, 60, (150, 17, 17, 3)), 0, 255).astype(np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    return Images(np.load(tmp_path / "pixels.npy", mmap_mode="r"), "some")


@pytest.mark.parametrize("seed", range(4))
def test_views_made_where_the_pixels_are_have_the_same_bits(images: Images, seed: int) -> None:
    held = resident.load(images, "cpu")
    rows = np.random.default_rng(seed).permutation(150)[:90]
    changes = views.draw(FLIPS_AND_TONES, 150, seed, "view 1")[rows]
    expected = views.changed(images.read(rows), changes)
    assert np.array_equal(held.shown(rows, changes).numpy(), expected)
    assert not np.array_equal(expected, images.read(rows))
    assert np.array_equal(held.shown(rows, None).numpy(), images.read(rows))


def test_flips_alone_leave_every_value_as_it_is(images: Images) -> None:
    rows, flips = np.arange(150), AugmentSpec(flip_horizontal=True, flip_vertical=True)
    changes = views.draw(flips, 150, 3, "view 1")
    shown = resident.load(images, "cpu").shown(rows, changes).numpy()
    assert np.array_equal(shown, views.changed(images.read(rows), changes))


def test_rotated_views_come_from_the_processor(images: Images) -> None:
    rows, rotated = np.arange(5), AugmentSpec(rotate_deg=20)
    changes = views.draw(rotated, 150, 3, "view 1")[rows]
    with pytest.raises(ValueError, match="rotate"):
        resident.load(images, "cpu").shown(rows, changes)
    shown = resident.shown(images, rows, changes, "cpu").numpy()
    assert np.array_equal(shown, views.changed(images.read(rows), changes))


def test_shapes_are_found_wherever_the_network_lies(tmp_path: Path) -> None:
    """A device that computes nothing refuses tensors of another, as a graphics card does."""
    model = ModelSpec(backbone="tf_efficientnet_lite0.in1k", weights="none")
    network = build(model, 4, 1)
    expected = Trunk(network, 64, 1, RuntimeSpec(), tmp_path).shape
    network.to("meta")
    assert cut_depth(network, 64, 1) == 1
    trunk = Trunk(network, 64, 1, RuntimeSpec(), tmp_path)
    trunk.module.to("meta")
    assert trunk.shape == expected


def test_halves_are_cut_off_and_kept_where_they_are_halves() -> None:
    values = np.array([1e9, -1e9, 0.1, 65519.0], np.float32)
    made = to_halves(values)
    assert made.dtype == np.float16
    assert made.tolist() == [LARGEST, -LARGEST, float(np.float16(0.1)), LARGEST]
    assert to_halves(made) is made
    same = torch.from_numpy(values).clamp(-LARGEST, LARGEST).half().numpy()
    assert np.array_equal(same, made)

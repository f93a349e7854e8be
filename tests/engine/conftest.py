"""A small world for the loop: 24 pictures of 32 px whose brightness tells their class, a tiny network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leukolab.base.home import Home
from leukolab.engine.bank import Bank
from leukolab.engine.network import Classifier, build
from leukolab.engine.pixels import Images
from leukolab.engine.training import RolePart, Training
from leukolab.engine.trunk import Trunk
from leukolab.spec import ModelSpec, RuntimeSpec, StageSpec, TrainingSpec

RUNTIME = RuntimeSpec(
    device="cpu", precision="float32", threads=1, evaluation_batch_size=7, trunk="torch", trunk_batch_size=5
)
TINY = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.0)
IMAGES = 24


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Several threads wait for each other longer than such small networks take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def images() -> Images:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 90, (IMAGES, 32, 32, 3), dtype=np.uint8)
    pixels[1::2] += 120
    return Images(pixels, "pixels-of-the-small-world")


@pytest.fixture
def network() -> Classifier:
    return build(TINY, 2, 5)


@pytest.fixture
def make_training(images: Images) -> Callable[..., Training]:
    """A training with 16 images to train and 8 to validate; keywords replace what stands there."""

    def make(**given: Any) -> Training:
        parts = {
            "train": RolePart(np.arange(16), np.ones(16, np.int64)),
            "validation": RolePart(np.arange(16, IMAGES), np.ones(8, np.int64)),
        }
        training = Training(
            name="corrected/two_stage/outer1/lr0.01/fold1",
            images=images,
            labels=np.arange(IMAGES) % 2,
            parts=parts,
            stages=(StageSpec(name="head", epochs=2),),
            settings=TrainingSpec(batch_size=6),
            learning_rate=0.01,
            class_weights=np.ones(2),
            seed=11,
            view_seed=7,
            runtime=RUNTIME,
        )
        return replace(training, **given)

    return make


@pytest.fixture
def bank_for(tmp_path: Path) -> Callable[..., Bank]:
    """The bank of a network as it is now, cut below its last `depth` stages, in a home of the test's own."""

    def make(network: Classifier, training: Training, depth: int = 0) -> Bank:
        size_px, home = training.images.pixels.shape[1], Home(tmp_path / "home")
        trunk = Trunk(copy.deepcopy(network), size_px, depth, training.runtime, home)
        return Bank(trunk, training.images, training.settings.augment, training.view_seed, home)

    return make

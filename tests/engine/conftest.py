"""A small world for the loop: 24 pictures of 32 px whose brightness tells their class, a tiny network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leukolab.engine.embed import FrozenFeatures, Images
from leukolab.engine.network import Classifier, build
from leukolab.engine.reference import Part, Task
from leukolab.spec import ModelSpec, RuntimeSpec, StageSpec, TrainingSpec

RUNTIME = RuntimeSpec(device="cpu", precision="float32", threads=1, evaluation_batch_size=7)
TINY = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.0)
IMAGES = 24


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
def make_task(images: Images) -> Callable[..., Task]:
    """A task with 16 images to train and 8 to validate; keywords replace what stands there."""

    def make(**given: Any) -> Task:
        parts = {
            "train": Part(np.arange(16), np.ones(16, np.int64)),
            "validation": Part(np.arange(16, IMAGES), np.ones(8, np.int64)),
        }
        task = Task(
            name="corrected/two_stage/outer1/lr0.01/fold1",
            images=images,
            labels=np.arange(IMAGES) % 2,
            parts=parts,
            stages=(StageSpec(name="head", epochs=2),),
            training=TrainingSpec(batch_size=6),
            learning_rate=0.01,
            class_weights=np.ones(2),
            seed=11,
            view_seed=7,
            runtime=RUNTIME,
        )
        return replace(task, **given)

    return make


@pytest.fixture
def frozen_for(images: Images, tmp_path: Path) -> Callable[..., FrozenFeatures]:
    """Kept features of a network as it is now, in a home of the test's own."""

    def make(network: Classifier, task: Task, home: Path | None = None) -> FrozenFeatures:
        augment = task.training.augment
        trunk = copy.deepcopy(network)
        return FrozenFeatures(trunk, images, augment, task.runtime, task.view_seed, home or tmp_path / "home")

    return make

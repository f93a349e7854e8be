"""Drawn cells of two and four classes, two backbones, and a training for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leukolab.base.home import Home
from leukolab.engine.bank import Bank
from leukolab.engine.network import Classifier, build, fresh_head
from leukolab.engine.pixels import Images
from leukolab.engine.training import RolePart, Training
from leukolab.engine.trunk import Trunk
from leukolab.spec import AugmentSpec, ModelSpec, RuntimeSpec, StageSpec, TrainingSpec

IMAGES, SIZE = 60, 64
RUNTIME = RuntimeSpec(
    device="cpu", precision="float32", threads=1, evaluation_batch_size=16, trunk="torch", trunk_batch_size=8
)
AUGMENT = AugmentSpec(flip_horizontal=True, flip_vertical=True, brightness=0.2, contrast=0.2, views=3)
STAGES = (StageSpec(name="head", release="head", epochs=4), StageSpec(name="fine", release="last_stage", epochs=2))


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Several threads wait for each other longer than such small images take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def images() -> Images:
    """Round cells whose size and colour lean on their class, with noise: class n % 4."""
    rng = np.random.default_rng(5)
    height, width = np.mgrid[:SIZE, :SIZE]
    pixels = np.empty((IMAGES, SIZE, SIZE, 3), np.uint8)
    for number in range(IMAGES):
        kind = number % 4
        radius = 12 + 3 * kind + rng.normal(0, 3)
        inside = (height - SIZE / 2) ** 2 + (width - SIZE / 2) ** 2 < radius**2
        colour = np.array([150, 60, 160]) + rng.normal(0, 25, 3) + 12 * kind
        shown = np.where(inside[..., None], colour, 20) + rng.normal(0, 12, (SIZE, SIZE, 3))
        pixels[number] = np.clip(shown, 0, 255)
    return Images(pixels, "cells")


@pytest.fixture
def build_network() -> Callable[..., Classifier]:
    def make(classes: int = 2, seed: int = 3, **model: Any) -> Classifier:
        given = {"backbone": "tf_efficientnet_lite0.in1k", "weights": "packaged", "dropout": 0.3} | model
        given |= {"head": "sigmoid" if classes == 2 else "softmax"}
        network = build(ModelSpec(**given), classes, 1)
        head = fresh_head(network.head.in_features, network.head.out_features, seed)
        network.head.load_state_dict(head.state_dict())
        return network

    return make


@pytest.fixture
def make_training(images: Images) -> Callable[..., Training]:
    def make(classes: int = 2, optimizer: Any = "adam", **given: Any) -> Training:
        order = np.random.default_rng(given.get("seed", 11)).permutation(IMAGES)
        parts = {
            "train": RolePart(np.sort(order[:37]), 1 + (np.arange(37) % 5 == 0).astype(np.int64)),
            "validation": RolePart(np.sort(order[37:48]), np.ones(11, np.int64)),
            "test": RolePart(np.sort(order[48:]), np.ones(12, np.int64)),
        }
        training = Training(
            name="model", images=images, labels=np.arange(IMAGES) % classes, parts=parts, stages=STAGES,
            settings=TrainingSpec(batch_size=8, augment=AUGMENT, optimizer=optimizer), learning_rate=1e-4,
            class_weights=np.linspace(0.8, 1.3, classes), seed=11, view_seed=7, runtime=RUNTIME,
        )  # fmt: skip
        return replace(training, **given)

    return make


@pytest.fixture
def bank_of(images: Images, tmp_path: Path, build_network: Callable[..., Classifier]) -> Callable[..., Bank]:
    """The bank of a training's views; its network is as loaded."""

    def make(training: Training, classes: int = 2, depth: int = 1, **model: Any) -> Bank:
        trunk = Trunk(build_network(classes, **model), SIZE, depth, training.runtime, Home(tmp_path / "home"))
        return Bank(trunk, images, training.settings.augment, training.view_seed, Home(tmp_path / "home"))

    return make

"""The loop that can stop and go on is held to the plain loop: the same bytes, wherever it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leukolab.base.findings import Finding
from leukolab.engine import reference
from leukolab.engine.network import Classifier
from leukolab.engine.optimizer import OPTIMIZERS
from leukolab.engine.resume import train_from
from leukolab.engine.source import PixelSource
from leukolab.engine.training import RolePart, Trained, Training
from leukolab.spec import StageSpec, TrainingSpec

MakeTraining = Callable[..., Training]
TINY = {"backbone": "test_efficientnet", "weights": "none"}
HEAD, LAST, WHOLE = (
    StageSpec(name="head", release="head", epochs=2),
    StageSpec(name="fine", release="last_stage", epochs=5, patience=1),
    StageSpec(name="whole", release="all", epochs=2),
)
PARTS = {
    role: RolePart(rows, 1 + (rows % 5 == 0).astype(np.int64))
    for role, rows in zip(("train", "validation", "test"), np.split(np.arange(24), [14, 20]), strict=True)
}
DESIGNS = {"head, fine, whole": (HEAD, LAST, WHOLE), "whole": (WHOLE,), "fine, head": (LAST, HEAD)}


class StopError(Exception):
    """The training was stopped."""


def resumable(network: Classifier, training: Training, path: Path | None = None) -> Trained:
    return train_from(network, training, lambda depth: PixelSource(network, training, frozen=depth == 0), path)


def stop_after(epochs: int) -> Callable[[Finding], None]:
    """A `tell` that stops the training when it tells of this epoch, which is lost."""
    told: list[Finding] = []

    def tell(finding: Finding) -> None:
        told.append(finding)
        if len(told) > epochs:
            raise StopError

    return tell


def check_same(one: Trained, other: Trained) -> None:
    assert list(one.state) == list(other.state)
    assert all(torch.equal(one.state[name], other.state[name]) for name in one.state)
    assert {role: probs.tobytes() for role, probs in one.predictions.items()} == {
        role: probs.tobytes() for role, probs in other.predictions.items()
    }
    histories = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history] for run in (one, other)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimiser_goes_on_as_the_plain_loop(
    optimizer: Any, build_network: Callable[..., Classifier], make_training: MakeTraining, tmp_path: Path
) -> None:
    settings = TrainingSpec(batch_size=8, optimizer=optimizer)
    given = {"stages": (HEAD, WHOLE), "learning_rate": 0.003, "parts": PARTS, "settings": settings}
    plain = reference.train(build_network(**TINY), make_training(**given))
    for epochs in (1, 3):
        path = tmp_path / f"{epochs}.safetensors"
        with pytest.raises(StopError):
            resumable(build_network(**TINY), make_training(**given, tell=stop_after(epochs)), path)
        check_same(plain, resumable(build_network(**TINY), make_training(**given), path))


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("stages", DESIGNS.values(), ids=DESIGNS)
def test_stopped_after_any_epoch_it_ends_as_the_plain_loop(
    stages: tuple[StageSpec, ...],
    classes: int,
    build_network: Callable[..., Classifier],
    make_training: MakeTraining,
    tmp_path: Path,
) -> None:
    given = {"stages": stages, "learning_rate": 0.003, "parts": PARTS}
    training = make_training(classes, **given)
    plain = reference.train(build_network(classes, **TINY), training)
    check_same(plain, resumable(build_network(classes, **TINY), training))
    for epochs in range(len(plain.history)):
        path = tmp_path / f"{epochs}.safetensors"
        stopped = make_training(classes, **given, tell=stop_after(epochs))
        with pytest.raises(StopError):
            resumable(build_network(classes, **TINY), stopped, path)
        check_same(plain, resumable(build_network(classes, **TINY), training, path))

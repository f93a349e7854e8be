from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn

from leukolab.engine import checkpoint
from leukolab.engine.checkpoint import Standing
from leukolab.engine.optimizer import OPTIMIZERS, make_optimizer, moments_of, restore_moments
from leukolab.engine.training import Training
from leukolab.spec import TrainingSpec

MakeTraining = Callable[..., Training]
RATE = 0.1


def settings(name: str) -> TrainingSpec:
    return TrainingSpec(optimizer=name)  # type: ignore[arg-type]


def test_every_optimiser_that_a_study_can_name_is_there() -> None:
    assert set(get_args(TrainingSpec.model_fields["optimizer"].annotation)) == set(OPTIMIZERS)
    assert TrainingSpec().optimizer == "adam"


def by_hand(name: str, gradients: list[float]) -> float:
    """Where a parameter that begins at 1 stands after steps with these gradients; each rule as its paper has it."""
    place, first, second, product = 1.0, 0.0, 0.0, 1.0
    for step, gradient in enumerate(gradients, start=1):
        if name == "sgd":
            first = gradient if step == 1 else 0.9 * first + gradient
            place -= RATE * first
        elif name == "adagrad":
            second += gradient**2
            place -= RATE * gradient / (np.sqrt(second) + 1e-10)
        elif name == "rmsprop":
            second = 0.99 * second + 0.01 * gradient**2
            place -= RATE * gradient / (np.sqrt(second) + 1e-8)
        else:
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            mean, spread = first / (1 - 0.9**step), np.sqrt(second / (1 - 0.999**step)) + 1e-8
            if name == "nadam":
                now, later = (0.9 * (1 - 0.5 * 0.96 ** (one * 0.004)) for one in (step, step + 1))
                product *= now
                mean = (1 - now) * gradient / (1 - product) + later * first / (1 - product * later)
            if name == "adamw":
                place *= 1 - RATE * 0.01
            place -= RATE * mean / spread
    return place


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_rule_by_hand(name: str, make_training: MakeTraining) -> None:
    parameter, gradients = nn.Parameter(torch.tensor([1.0])), [0.5, -0.2, 0.8, 0.1]
    optimizer = make_optimizer([parameter], make_training(settings=settings(name), learning_rate=RATE))
    for gradient in gradients:
        parameter.grad = torch.tensor([gradient])
        optimizer.step()
    assert parameter.item() == pytest.approx(by_hand(name, gradients), rel=1e-5)


def test_what_is_frozen_is_left_out(make_training: MakeTraining) -> None:
    frozen, learning = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(3))
    (group,) = make_optimizer([frozen, learning], make_training()).param_groups
    assert [parameter is learning for parameter in group["params"]] == [True]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_goes_on_as_if_nothing_had_been(name: str, make_training: MakeTraining, tmp_path: Path) -> None:
    training = make_training(settings=settings(name), learning_rate=RATE)

    def fresh() -> tuple[nn.Conv2d, torch.optim.Optimizer]:
        torch.manual_seed(3)
        layer: Any = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return layer, make_optimizer(layer.parameters(), training)

    def step(layer: nn.Conv2d, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        layer(torch.ones(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()

    one, straight = fresh()
    for _ in range(5):
        step(one, straight)
    other, before = fresh()
    for _ in range(2):
        step(other, before)
    checkpoint.save(tmp_path / "s", Standing(learned=other.state_dict(), moments=moments_of(before)))
    found = checkpoint.load(tmp_path / "s")
    assert found is not None
    again, after = fresh()
    again.load_state_dict(found.learned)
    restore_moments(after, found.moments)
    for _ in range(3):
        step(again, after)
    assert torch.equal(one.weight, again.weight)
    assert torch.equal(one.bias, again.bias)  # type: ignore[arg-type]
    assert not torch.equal(one.weight, other.weight)

"""Training from the bank is held to the plain loop: same views, same order, same numbers but for float16."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leukolab.base.findings import Finding
from leukolab.engine import cached, reference
from leukolab.engine.bank import Bank
from leukolab.engine.heads import train_heads
from leukolab.engine.network import Classifier
from leukolab.engine.optimizer import OPTIMIZERS
from leukolab.engine.training import Trained, Training
from leukolab.spec import StageSpec

FLOAT16 = 2e-3
"""Largest difference of a probability that kept features in float16 may make over a few epochs."""
Make = Callable[..., Any]
RATES = {"sgd": 1e-3, "rmsprop": 1e-5}
"""Learning rates other than 1e-4: sgd moves less, and the first steps of rmsprop are ten times its rate."""
CASES = [(classes, name) for name in sorted(OPTIMIZERS) for classes in ((2, 4) if name == "adam" else (2,))]


def histories(one: Trained, other: Trained) -> float:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    assert [(row["stage"], row["epoch"]) for row in one.history] == [(r["stage"], r["epoch"]) for r in other.history]
    return max(abs(float(a[n]) - float(b[n])) for a, b in zip(one.history, other.history, strict=True) for n in names)


def apart(one: Trained, other: Trained) -> float:
    return max(float(np.abs(one.predictions[role] - other.predictions[role]).max()) for role in one.predictions)


@pytest.mark.parametrize(("classes", "optimizer"), CASES)
def test_both_stages_as_the_plain_loop(
    classes: int,
    optimizer: str,
    build_network: Callable[..., Classifier],
    make_training: Callable[..., Training],
    bank_of: Make,
) -> None:
    training = make_training(classes, optimizer, learning_rate=RATES.get(optimizer, 1e-4))
    plain = reference.train(build_network(classes), training)
    bank: Bank = bank_of(training, classes)
    fast = cached.train(build_network(classes), training, lambda _: bank)
    assert apart(plain, fast) < FLOAT16
    assert histories(plain, fast) < 5 * FLOAT16
    assert apart(plain, fast) > 0, "the bank was not used"


@pytest.mark.parametrize(("classes", "optimizer"), CASES)
def test_heads_together_as_each_alone(
    classes: int,
    optimizer: str,
    build_network: Callable[..., Classifier],
    make_training: Callable[..., Training],
    bank_of: Make,
) -> None:
    """Other rates, other samples, other patience; to the last bit."""
    stages = (STAGE, STAGE.model_copy(update={"patience": 1, "epochs": 5}), STAGE.model_copy(update={"epochs": 2}))
    trainings = [
        make_training(classes, optimizer, name=f"m{n}", seed=seed, learning_rate=rate, stages=(stage,))
        for n, (seed, rate, stage) in enumerate([(1, 1e-2, stages[0]), (2, 1e-3, stages[1]), (3, 1e-1, stages[2])])
    ]
    bank: Bank = bank_of(trainings[0], classes)
    width = 1 if classes == 2 else classes
    together = train_heads(trainings, lambda _: bank, width, 0.3)
    for training, standing in zip(trainings, together, strict=True):
        (alone,) = train_heads([training], lambda _: bank, width, 0.3)
        assert all((alone.learned[name] == standing.learned[name]).all() for name in alone.learned)
        separate = cached.train(build_network(classes, training.seed), training, lambda _: bank)
        for name, tensor in separate.state.items():
            assert np.allclose(standing.learned[name], tensor, atol=1e-4), name
        for ours, theirs in zip(standing.history, separate.history, strict=True):
            assert ours["val_accuracy"] == theirs["val_accuracy"]
            assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-5)
            assert float(ours["val_loss"]) == pytest.approx(float(theirs["val_loss"]), rel=1e-5)


STAGE = StageSpec(name="head", release="head", epochs=4)


def test_a_head_goes_on_into_the_next_stage(
    build_network: Callable[..., Classifier], make_training: Callable[..., Training], bank_of: Make
) -> None:
    training = make_training()
    bank: Bank = bank_of(training)
    (start,) = train_heads([training], lambda _: bank, 1, 0.3)
    whole = cached.train(build_network(2, training.seed), training, lambda _: bank)
    joined = cached.train(build_network(2, training.seed), training, lambda _: bank, start=start)
    assert apart(whole, joined) < 1e-4
    assert histories(whole, joined) < 1e-4


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_training_goes_on_to_the_same_bytes(
    stop: int,
    build_network: Callable[..., Classifier],
    make_training: Callable[..., Training],
    bank_of: Make,
    tmp_path: Path,
) -> None:
    class StopError(Exception):
        pass

    seen: list[Finding] = []

    def stopping(finding: Finding) -> None:
        seen.append(finding)
        if len(seen) == stop:
            raise StopError

    training = make_training()
    bank: Bank = bank_of(training)
    path = tmp_path / "standing.safetensors"
    whole = cached.train(build_network(), training, lambda _: bank)
    with pytest.raises(StopError):
        cached.train(build_network(), make_training(tell=stopping), lambda _: bank, path)
    resumed = cached.train(build_network(), training, lambda _: bank, path)
    for role, probs in whole.predictions.items():
        assert probs.tobytes() == resumed.predictions[role].tobytes()
    assert histories(whole, resumed) == 0


def test_a_training_of_the_whole_network_goes_on_to_the_same_bytes(
    build_network: Callable[..., Classifier], make_training: Callable[..., Training], tmp_path: Path
) -> None:
    """Its 3 x 3 convolutions lie in memory with channels last, and so must what the optimiser keeps of them."""

    def stopping(finding: Finding) -> None:
        if finding.values["epoch"] == 2:
            raise KeyboardInterrupt

    stages = (StageSpec(name="whole", release="all", epochs=3),)
    model = {"backbone": "test_efficientnet", "weights": "none"}
    path = tmp_path / "standing.safetensors"
    whole = cached.train(build_network(**model), make_training(stages=stages), lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        cached.train(build_network(**model), make_training(stages=stages, tell=stopping), lambda _: None, path)
    resumed = cached.train(build_network(**model), make_training(stages=stages), lambda _: None, path)
    assert all((whole.state[name] == resumed.state[name]).all() for name in whole.state)
    assert histories(whole, resumed) == 0


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_heads_go_on_to_the_same_bytes(
    optimizer: str, make_training: Callable[..., Training], bank_of: Make, tmp_path: Path
) -> None:
    class StopError(Exception):
        pass

    def stopping(finding: Finding) -> None:
        if finding.values["epoch"] == 3:
            raise StopError

    trainings = [make_training(2, optimizer, name=f"m{n}", seed=n) for n in range(3)]
    bank: Bank = bank_of(trainings[0])
    path = tmp_path / "heads.safetensors"
    whole = train_heads(trainings, lambda _: bank, 1, 0.3)
    with pytest.raises(StopError):
        train_heads([replace(training, tell=stopping) for training in trainings], lambda _: bank, 1, 0.3, path)
    assert path.exists()
    resumed = train_heads(trainings, lambda _: bank, 1, 0.3, path)
    for one, other in zip(whole, resumed, strict=True):
        assert all((one.learned[name] == other.learned[name]).all() for name in one.learned)

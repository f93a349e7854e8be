from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from leukolab.base.errors import TrainingError
from leukolab.engine import reference
from leukolab.engine.embed import FrozenFeatures, logits_of, probabilities
from leukolab.engine.network import Classifier, build, release
from leukolab.engine.reference import Part, Task, train
from leukolab.spec import AugmentSpec, ModelSpec, StageSpec, TrainingSpec

MakeTask = Callable[..., Task]
FrozenFor = Callable[..., FrozenFeatures]
NAME = "corrected/two_stage/outer1/lr0.01/fold1"


def sigmoid_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(np.where(labels == 1, -logits, logits)))


def test_the_loss_is_the_weighted_mean_over_the_batch(
    network: Classifier, make_task: MakeTask, frozen_for: FrozenFor
) -> None:
    """With a learning rate next to nothing every step sees the same network, so the epoch's loss is by hand."""
    weights = np.array([0.5, 3.0])
    copies = np.ones(16, np.int64)
    copies[3] = 4
    parts = {"train": Part(np.arange(16), copies), "validation": make_task().parts["validation"]}
    task = make_task(class_weights=weights, parts=parts, learning_rate=1e-30, stages=(StageSpec(name="s", epochs=1),))
    kept = frozen_for(network, task)
    logits = (kept.view(0).astype(np.float32) @ network.head.weight.detach().numpy().T + network.head.bias.item())[:, 0]
    row = train(network, task, kept).history[0]
    losses = sigmoid_losses(logits, task.labels)
    expected = np.average(weights[task.labels[:16]] * losses[:16], weights=copies)
    assert row["loss"] == pytest.approx(expected, rel=1e-5)
    right = (logits >= 0) == task.labels
    assert row["accuracy"] == pytest.approx(np.average(right[:16], weights=copies))
    assert row["val_loss"] == pytest.approx(losses[16:].mean(), rel=1e-5)
    assert row["val_accuracy"] == pytest.approx(right[16:].mean())


def test_copies_come_as_often_as_the_split_says(network: Classifier, make_task: MakeTask) -> None:
    parts = {"train": Part(np.array([2, 5, 7]), np.array([1, 3, 2])), "validation": Part(np.array([1]), np.array([1]))}
    task = make_task(parts=parts)
    stage = task.stages[0]
    for epoch in range(2):
        batches = [rows for rows, _ in reference._batches(network, task, stage, epoch, None)]
        assert [len(rows) for rows in batches] == [6]
        assert np.bincount(np.concatenate(batches))[[2, 5, 7]].tolist() == [1, 3, 2]
    orders = [np.concatenate([r for r, _ in reference._batches(network, task, stage, e, None)]) for e in range(6)]
    assert len({tuple(order) for order in orders}) > 1


def test_copies_count_in_validation(network: Classifier, make_task: MakeTask) -> None:
    part = Part(np.array([16, 17, 18]), np.array([1, 1, 5]))
    task = make_task(parts=make_task().parts | {"validation": part})
    loss, accuracy = reference._validate(network, task, None)
    logits = logits_of(network, task.images, part.rows, task.runtime)[:, 0].numpy()
    labels = task.labels[part.rows]
    assert loss == pytest.approx(np.average(sigmoid_losses(logits, labels), weights=part.copies), rel=1e-5)
    assert accuracy == pytest.approx(np.average((logits >= 0) == labels, weights=part.copies))


class Script:
    """Epochs that only move the head's bias, and validations that say what was written down."""

    def __init__(self, validations: list[tuple[float, float]]) -> None:
        self.validations: Iterator[tuple[float, float]] = iter(validations)
        self.entered: list[float] = []
        self.fresh: list[bool] = []

    def epoch(self, network: Classifier, task: Task, stage: StageSpec, epoch: int, optimizer: Any, frozen: Any) -> Any:
        self.entered.append(round(network.head.bias.item(), 3))
        self.fresh.append(not optimizer.state)
        optimizer.zero_grad()
        network.head.bias.grad = torch.zeros_like(network.head.bias)
        optimizer.step()
        with torch.no_grad():
            network.head.bias.copy_(torch.tensor([epoch + 1.0]))
        return 1.0, 0.5

    def validate(self, *_: object) -> tuple[float, float]:
        accuracy, loss = next(self.validations)
        return loss, accuracy


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[float, float]]], Script]:
    def make(validations: list[tuple[float, float]]) -> Script:
        script = Script(validations)
        monkeypatch.setattr(reference, "_run_epoch", script.epoch)
        monkeypatch.setattr(reference, "_validate", script.validate)
        return script

    return make


RISE = [(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.85), (0.6, 0.1)]


@pytest.mark.parametrize(
    ("validations", "patience", "ran", "best"),
    [
        (RISE, 2, 5, 3),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], 2, 5, 3),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], 4, 7, 7),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], None, 7, 7),
        ([(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 1, 2, 1),
        ([(0.0, 9.0), (0.0, 5.0)], None, 2, 2),
    ],
)
def test_the_best_accuracy_is_kept_ties_by_lower_loss(
    network: Classifier,
    make_task: MakeTask,
    frozen_for: FrozenFor,
    scripted: Callable[..., Script],
    validations: list[tuple[float, float]],
    patience: int | None,
    ran: int,
    best: int,
) -> None:
    scripted(validations)
    task = make_task(stages=(StageSpec(name="head", epochs=len(validations), patience=patience),))
    trained = train(network, task, frozen_for(network, task))
    assert [row["epoch"] for row in trained.history] == list(range(1, ran + 1))
    assert [(row["val_accuracy"], row["val_loss"]) for row in trained.history] == validations[:ran]
    assert trained.state["head.bias"].item() == best
    assert set(trained.history[0]) == {"stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


def test_a_validation_loss_that_is_no_number_stops_too(
    network: Classifier, make_task: MakeTask, frozen_for: FrozenFor, scripted: Callable[..., Script]
) -> None:
    scripted([(0.5, 1.0), (0.5, float("nan"))])
    task = make_task()
    with pytest.raises(TrainingError, match=rf"{NAME}: stage head, epoch 2: the validation loss is no number"):
        train(network, task, frozen_for(network, task))


def test_a_stage_begins_from_the_best_of_the_one_before_with_a_fresh_adam(
    network: Classifier, make_task: MakeTask, frozen_for: FrozenFor, scripted: Callable[..., Script]
) -> None:
    script = scripted([*RISE, (0.1, 1.0), (0.2, 1.0)])
    stages = (StageSpec(name="head", epochs=5), StageSpec(name="finetune", release="last_stage", epochs=2))
    task = make_task(stages=stages)
    trained = train(network, task, frozen_for(network, task))
    assert script.entered[5] == 3.0
    assert [number for number, fresh in enumerate(script.fresh) if fresh] == [0, 5]
    assert [row["stage"] for row in trained.history] == ["head"] * 5 + ["finetune"] * 2
    assert trained.state["head.bias"].item() == 2.0
    assert "backbone.conv_head.weight" in trained.state
    assert "backbone.bn2.running_mean" in trained.state
    assert "backbone.conv_stem.weight" not in trained.state


def blind(network: Classifier) -> None:
    """Features that are no numbers."""
    with torch.no_grad():
        network.backbone.bn2.weight *= float("nan")  # type: ignore[union-attr, operator]


def mute(network: Classifier) -> None:
    """A head that says nothing."""
    with torch.no_grad():
        network.head.bias.fill_(float("nan"))


@pytest.mark.parametrize("harm", [blind, mute])
def test_a_loss_that_is_no_number_says_where_and_what_to_try(
    network: Classifier, make_task: MakeTask, frozen_for: FrozenFor, harm: Callable[[Classifier], None]
) -> None:
    harm(network)
    task = make_task()
    kept = frozen_for(network, task)
    with pytest.raises(TrainingError, match=rf"{NAME}: stage head, epoch 1, step 1: the loss is no number") as caught:
        train(network, task, kept)
    assert "smaller '--set training.learning_rates=[...]'" in str(caught.value)
    assert "learning rate 0.01" in str(caught.value)


@pytest.mark.parametrize(
    "augment", [AugmentSpec(), AugmentSpec(flip_horizontal=True, contrast=0.2, brightness=0.2, views=2)]
)
def test_kept_features_train_as_running_the_pixels_does(
    make_task: MakeTask, frozen_for: FrozenFor, augment: AugmentSpec
) -> None:
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.3)
    training = TrainingSpec(batch_size=6, augment=augment)
    task = make_task(training=training, stages=(StageSpec(name="head", epochs=4),))
    kept, run = build(model, 2, 5), build(model, 2, 5)
    fast = train(kept, task, frozen_for(kept, task))
    release(run, "head")
    slow = reference._run_stage(run, task, task.stages[0], None)
    for one, other in zip(fast.history, slow, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-2)
        assert one["val_loss"] == pytest.approx(other["val_loss"], abs=1e-2)
    for role, part in task.parts.items():
        direct = probabilities(logits_of(run, task.images, part.rows, task.runtime))
        assert np.abs(fast.predictions[role] - direct).max() < 1e-2


STAGES = (StageSpec(name="head", epochs=2), StageSpec(name="finetune", release="last_stage", epochs=2))


@pytest.mark.parametrize("views", [2, "online"])
def test_the_same_seed_gives_the_same_bytes_whatever_ran_before(
    make_task: MakeTask, frozen_for: FrozenFor, views: Any
) -> None:
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.3)
    augment = AugmentSpec(flip_horizontal=True, brightness=0.2, views=views)
    task = make_task(training=TrainingSpec(batch_size=6, augment=augment), stages=STAGES)

    def once(seed: int) -> Any:
        network = build(model, 2, seed)
        return train(network, make_task(training=task.training, stages=STAGES, seed=seed), frozen_for(network, task))

    one = once(5)
    torch.manual_seed(123)
    torch.rand(17)
    same, other = once(5), once(6)
    for role in task.parts:
        assert one.predictions[role].tobytes() == same.predictions[role].tobytes()
    assert one.predictions["train"].tobytes() != other.predictions["train"].tobytes()
    assert all(torch.equal(one.state[name], same.state[name]) for name in one.state)


def test_training_learns_what_is_there_to_learn(make_task: MakeTask, frozen_for: FrozenFor) -> None:
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="softmax", dropout=0.0)
    network = build(model, 2, 5)
    task = make_task(stages=(StageSpec(name="all", release="all", epochs=8),), learning_rate=0.003)
    trained = train(network, task, frozen_for(network, task))
    assert float(trained.history[-1]["loss"]) < float(trained.history[0]["loss"])
    called = trained.predictions["validation"].argmax(axis=1)
    assert (called == task.labels[16:]).mean() > 0.9


def test_each_epoch_is_told(network: Classifier, make_task: MakeTask, frozen_for: FrozenFor) -> None:
    told: list[str] = []
    task = make_task(tell=told.append)
    train(network, task, frozen_for(network, task))
    assert [line.partition(":")[0] for line in told] == [f"{NAME}, head 1/2", f"{NAME}, head 2/2"]


def test_an_online_view_differs_from_epoch_to_epoch(network: Classifier, make_task: MakeTask) -> None:
    augment = AugmentSpec(brightness=0.4, views="online")
    task = make_task(training=TrainingSpec(batch_size=16, augment=augment))

    def shown(epoch: int) -> np.ndarray:
        rows, inputs = next(iter(reference._batches(network, task, task.stages[0], epoch, None)))
        return inputs.numpy()[np.argsort(rows)]

    assert np.array_equal(shown(0), shown(0))
    assert not np.allclose(shown(0), shown(1), atol=0.05)

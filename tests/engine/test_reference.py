from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from leukolab.base.errors import TrainingError
from leukolab.base.findings import Finding
from leukolab.engine import cached, reference
from leukolab.engine.bank import Bank
from leukolab.engine.inference import logits_of
from leukolab.engine.network import Classifier, build
from leukolab.engine.pixels import to_input
from leukolab.engine.reference import batches, validate
from leukolab.engine.resume import train_from
from leukolab.engine.source import PixelSource
from leukolab.engine.training import RolePart, Trained, Training
from leukolab.spec import AugmentSpec, ModelSpec, StageSpec, TrainingSpec

MakeTraining = Callable[..., Training]
BankFor = Callable[..., Bank]
Train = Callable[[Classifier, Training], Trained]
NAME = "corrected/two_stage/outer1/lr0.01/fold1"


def resumable(network: Classifier, training: Training) -> Trained:
    return train_from(network, training, lambda depth: reference.PixelSource(network, training, frozen=depth == 0))


@pytest.fixture(params=[reference.train, resumable], ids=["plain", "resumable"])
def train(request: pytest.FixtureRequest) -> Train:
    """Both loops: what one means, the other does."""
    loop: Train = request.param
    return loop


def sigmoid_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(np.where(labels == 1, -logits, logits)))


def test_the_loss_is_the_weighted_mean_over_the_batch(
    train: Train, network: Classifier, make_training: MakeTraining
) -> None:
    """With a learning rate next to nothing every step sees the same network, so the epoch's loss is by hand."""
    weights = np.array([0.5, 3.0])
    copies = np.ones(16, np.int64)
    copies[3] = 4
    parts = {"train": RolePart(np.arange(16), copies), "validation": make_training().parts["validation"]}
    training = make_training(
        class_weights=weights, parts=parts, learning_rate=1e-30, stages=(StageSpec(name="s", epochs=1),)
    )
    with torch.inference_mode():
        features = network.eval().features(to_input(training.images.pixels, network, "cpu")).numpy()
    logits = (features @ network.head.weight.detach().numpy().T + network.head.bias.item())[:, 0]
    row = train(network, training).history[0]
    losses = sigmoid_losses(logits, training.labels)
    expected = np.average(weights[training.labels[:16]] * losses[:16], weights=copies)
    assert row["loss"] == pytest.approx(expected, rel=1e-5)
    right = (logits >= 0) == training.labels
    assert row["accuracy"] == pytest.approx(np.average(right[:16], weights=copies))
    assert row["val_loss"] == pytest.approx(losses[16:].mean(), rel=1e-5)
    assert row["val_accuracy"] == pytest.approx(right[16:].mean())


def test_copies_come_as_often_as_the_split_says(make_training: MakeTraining) -> None:
    parts = {
        "train": RolePart(np.array([2, 5, 7]), np.array([1, 3, 2])),
        "validation": RolePart(np.array([1]), np.array([1])),
    }
    training = make_training(parts=parts)
    stage = training.stages[0]
    for epoch in range(2):
        steps = list(batches(training, stage, epoch))
        assert [len(rows) for rows in steps] == [6]
        assert np.bincount(np.concatenate(steps))[[2, 5, 7]].tolist() == [1, 3, 2]
    orders = [np.concatenate(list(batches(training, stage, epoch))) for epoch in range(6)]
    assert len({tuple(order) for order in orders}) > 1


def test_every_image_comes_once_an_epoch_in_an_order_of_its_own(make_training: MakeTraining) -> None:
    training, other = make_training(), make_training(seed=12)
    stage = training.stages[0]
    orders = []
    for epoch in range(4):
        steps = list(batches(training, stage, epoch))
        assert [len(rows) for rows in steps] == [6, 6, 4]
        orders.append(np.concatenate(steps))
        assert np.sort(orders[-1]).tolist() == training.parts["train"].rows.tolist()
        assert np.array_equal(orders[-1], np.concatenate(list(batches(training, stage, epoch))))
        assert not np.array_equal(orders[-1], np.concatenate(list(batches(other, stage, epoch))))
    assert len({tuple(order) for order in orders}) == 4


class Watched(PixelSource):
    """Writes down which images are shown, whether changed, and the mode of every module that sees them."""

    def __init__(self, network: Classifier, training: Training, frozen: bool) -> None:
        super().__init__(network, training, frozen)
        self.trained: list[list[int]] = []
        self.judged: list[int] = []
        self.modes: dict[bool, dict[str, set[bool]]] = {True: {}, False: {}}

    def inputs(self, rows: Any, stage: StageSpec, epoch: int) -> torch.Tensor:
        self.trained += [[]] * (epoch + 1 - len(self.trained))
        self.trained[epoch] = [*self.trained[epoch], *rows.tolist()]
        self._note(True)
        return super().inputs(rows, stage, epoch)

    def plain(self, rows: Any) -> torch.Tensor:
        self.judged += rows.tolist()
        self._note(False)
        inputs = super().plain(rows)
        unchanged = to_input(self.training.images.pixels[rows], self.network, "cpu")
        assert torch.equal(inputs, unchanged), "an image to be judged was changed"
        return inputs

    def _note(self, training: bool) -> None:
        for name, module in self.network.named_modules():
            self.modes[training].setdefault(name, set()).add(module.training)


def test_what_is_shown_when_and_in_which_mode(
    train: Train, make_training: MakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every training image once an epoch; others in the plain view only; what is frozen in evaluation mode always."""
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.3)
    parts = {
        "train": RolePart(np.arange(12), np.ones(12, np.int64)),
        "validation": RolePart(np.arange(12, 18), np.ones(6, np.int64)),
        "test": RolePart(np.arange(18, 24), np.ones(6, np.int64)),
    }
    augment = AugmentSpec(brightness=0.4, flip_vertical=True, views=2)
    stage = StageSpec(name="fine", release="last_stage", epochs=3)
    training = make_training(parts=parts, settings=TrainingSpec(batch_size=5, augment=augment), stages=(stage,))
    network = build(model, 2, 5)
    source = Watched(network, training, frozen=False)
    monkeypatch.setattr(reference, "PixelSource", lambda *_, **__: source)
    train(network, training)
    assert [sorted(rows) for rows in source.trained] == [list(range(12))] * 3
    assert source.judged == [*range(12, 18)] * 3 + [*range(12), *range(12, 18), *range(18, 24)]
    assert all(modes == {False} for modes in source.modes[False].values()), "judged in training mode"
    frozen = {
        name for name, module in network.named_modules()
        if any(True for _ in module.parameters()) and not any(p.requires_grad for p in module.parameters())
    }  # fmt: skip
    assert {"backbone.conv_stem", "backbone.bn1", "backbone.blocks.0"} <= frozen
    assert all(source.modes[True][name] == {False} for name in frozen)
    assert all(source.modes[True][name] == {True} for name in ("head", "backbone.bn2", "backbone.blocks.4"))


def test_changed_images_are_trained_on_and_differ_from_view_to_view(
    network: Classifier, make_training: MakeTraining
) -> None:
    settings = TrainingSpec(batch_size=16, augment=AugmentSpec(brightness=0.4, views=2))
    training, rows = make_training(settings=settings), np.arange(16)
    source = PixelSource(network, training, frozen=False)
    plain, first, second = source.plain(rows), *(source.inputs(rows, training.stages[0], epoch) for epoch in range(2))
    for one, other in ((plain, first), (plain, second), (first, second)):
        assert ((one - other).abs().flatten(1).max(dim=1).values > 0.01).all()


def test_copies_count_in_validation(network: Classifier, make_training: MakeTraining) -> None:
    part = RolePart(np.array([16, 17, 18]), np.array([1, 1, 5]))
    training = make_training(parts=make_training().parts | {"validation": part})
    loss, accuracy = validate(network, training, PixelSource(network, training, frozen=True))
    logits = logits_of(network, training.images, part.rows, training.runtime)[:, 0].numpy()
    labels = training.labels[part.rows]
    assert loss == pytest.approx(np.average(sigmoid_losses(logits, labels), weights=part.copies), rel=1e-5)
    assert accuracy == pytest.approx(np.average((logits >= 0) == labels, weights=part.copies))


class Script:
    """Epochs that only move the head's bias, and validations that say what was written down."""

    def __init__(self, validations: list[tuple[float, float]]) -> None:
        self.validations: Iterator[tuple[float, float]] = iter(validations)
        self.entered: list[float] = []
        self.fresh: list[bool] = []

    def epoch(
        self, network: Classifier, training: Training, stage: StageSpec, epoch: int, optimizer: Any, source: Any
    ) -> Any:
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
        monkeypatch.setattr(reference, "run_epoch", script.epoch)
        monkeypatch.setattr(reference, "validate", script.validate)
        return script

    return make


RISE = [(0.5, 1.0), (0.7, 0.9), (0.7, 0.8), (0.7, 0.85), (0.6, 0.1)]


@pytest.mark.parametrize(
    ("validations", "patience", "ran", "best"),
    [
        (RISE, 1, 3, 3),
        (RISE, 2, 4, 3),
        (RISE, 3, 5, 3),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], 3, 5, 3),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], 5, 7, 7),
        ([*RISE, (0.7, 0.8), (0.9, 9.0)], None, 7, 7),
        ([(0.5, 1.0), (0.5, 1.0), (0.5, 1.0)], 1, 2, 1),
        ([(0.0, 9.0), (0.0, 5.0)], None, 2, 2),
    ],
)
def test_the_best_accuracy_is_kept_ties_by_lower_loss(
    train: Train,
    network: Classifier,
    make_training: MakeTraining,
    scripted: Callable[..., Script],
    validations: list[tuple[float, float]],
    patience: int | None,
    ran: int,
    best: int,
) -> None:
    scripted(validations)
    training = make_training(stages=(StageSpec(name="head", epochs=len(validations), patience=patience),))
    trained = train(network, training)
    assert [row["epoch"] for row in trained.history] == list(range(1, ran + 1))
    assert [(row["val_accuracy"], row["val_loss"]) for row in trained.history] == validations[:ran]
    assert trained.state["head.bias"].item() == best
    assert set(trained.history[0]) == {"stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


def test_a_patience_that_does_not_stop_leaves_all_epochs_and_the_best(
    train: Train, network: Classifier, make_training: MakeTraining, scripted: Callable[..., Script]
) -> None:
    scripted([*RISE, (0.6, 0.2)])
    stage = StageSpec(name="head", epochs=6, patience=1, stop=False)
    trained = train(network, make_training(stages=(stage,)))
    assert len(trained.history) == 6
    assert trained.state["head.bias"].item() == 3


def test_a_validation_loss_that_is_not_finite_stops_too(
    train: Train, network: Classifier, make_training: MakeTraining, scripted: Callable[..., Script]
) -> None:
    scripted([(0.5, 1.0), (0.5, float("nan"))])
    training = make_training()
    with pytest.raises(TrainingError, match=rf"{NAME}: stage head, epoch 2: expected a finite validation loss"):
        train(network, training)


def test_a_stage_begins_from_the_best_of_the_one_before_with_a_fresh_optimiser(
    train: Train, network: Classifier, make_training: MakeTraining, scripted: Callable[..., Script]
) -> None:
    script = scripted([*RISE, (0.1, 1.0), (0.2, 1.0)])
    stages = (StageSpec(name="head", epochs=5), StageSpec(name="finetune", release="last_stage", epochs=2))
    training = make_training(stages=stages)
    trained = train(network, training)
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
def test_a_loss_that_is_not_finite_says_where_and_what_to_try(
    train: Train, network: Classifier, make_training: MakeTraining, harm: Callable[[Classifier], None]
) -> None:
    harm(network)
    training = make_training()
    with pytest.raises(TrainingError, match=rf"{NAME}: stage head, epoch 1, step 1: expected a finite loss") as caught:
        train(network, training)
    assert "Try a smaller training.learning_rates=[...]" in str(caught.value)
    assert "learning rate 0.01" in str(caught.value)


STAGES = (StageSpec(name="head", epochs=2), StageSpec(name="finetune", release="last_stage", epochs=2))


@pytest.mark.parametrize("views", [2, "online"])
@pytest.mark.parametrize("kept", [False, True])
def test_the_same_seed_gives_the_same_bytes_whatever_ran_before(
    train: Train, make_training: MakeTraining, bank_for: BankFor, views: Any, kept: bool
) -> None:
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.3)
    augment = AugmentSpec(flip_horizontal=True, brightness=0.2, views=views)
    training = make_training(settings=TrainingSpec(batch_size=6, augment=augment), stages=STAGES)

    def once(seed: int) -> Any:
        network, own = build(model, 2, seed), make_training(settings=training.settings, stages=STAGES, seed=seed)
        if not kept:
            return train(network, own)
        bank = bank_for(network, own, 1)
        return cached.train(network, own, lambda _: bank)

    one = once(5)
    torch.manual_seed(123)
    torch.rand(17)
    same, other = once(5), once(6)
    for role in training.parts:
        assert one.predictions[role].tobytes() == same.predictions[role].tobytes()
    assert one.predictions["train"].tobytes() != other.predictions["train"].tobytes()
    assert all(torch.equal(one.state[name], same.state[name]) for name in one.state)


def test_training_learns_what_is_there_to_learn(train: Train, make_training: MakeTraining) -> None:
    model = ModelSpec(backbone="test_efficientnet", weights="none", head="softmax", dropout=0.0)
    network = build(model, 2, 5)
    training = make_training(stages=(StageSpec(name="all", release="all", epochs=8),), learning_rate=0.003)
    trained = train(network, training)
    assert float(trained.history[-1]["loss"]) < float(trained.history[0]["loss"])
    called = trained.predictions["validation"].argmax(axis=1)
    assert (called == training.labels[16:]).mean() > 0.9


def test_each_epoch_is_told(train: Train, network: Classifier, make_training: MakeTraining) -> None:
    told: list[Finding] = []
    train(network, make_training(tell=told.append))
    assert [told_epoch(one) for one in told] == [("head", 1, 2), ("head", 2, 2)]
    told.clear()
    train(network, make_training(tell=told.append, stages=(StageSpec(name="long", epochs=21),)))
    assert [told_epoch(one) for one in told] == [("long", 10, 21), ("long", 20, 21)]


def told_epoch(finding: Finding) -> tuple[Any, ...]:
    """Stage, epoch and epochs of what was told."""
    assert finding.code == "progress.epoch"
    return tuple(finding.values[name] for name in ("stage", "epoch", "epochs"))

"""The plain loop: it defines what training a model of a study means; faster engines are held to it.

Stages follow each other; each reloads the best checkpoint of the one before and starts Adam afresh.
Every image of the training part comes once an epoch (as often as the split has copies of it).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from leukolab.base.errors import TrainingError
from leukolab.base.streams import stream, stream_seed
from leukolab.engine import views
from leukolab.engine.embed import FrozenFeatures, Images, Rows, logits_of, probabilities, to_input
from leukolab.engine.network import Classifier, release, train_mode
from leukolab.engine.runtime import autocast
from leukolab.engine.weights import State
from leukolab.spec import RuntimeSpec, StageSpec, TrainingSpec

MANY_EPOCHS = 20
"""Stages with more epochs than this tell of every tenth only."""


@dataclass(frozen=True)
class Part:
    """Rows of the packed pixels (n,) and how often each counts (n,)."""

    rows: Rows
    copies: Rows


@dataclass(frozen=True)
class Task:
    """One model to train.

    Attributes:
        labels: int64 (images,), of every packed image.
        parts: role to its images; `train` and `validation` are needed.
        class_weights: float64 (k,), all ones where classes are not weighed.
        view_seed: seed of the bank of views, shared by the jobs of a study.
        tell: takes one sentence an epoch; every tenth epoch of long stages.
    """

    name: str
    images: Images
    labels: Rows
    parts: dict[str, Part]
    stages: tuple[StageSpec, ...]
    training: TrainingSpec
    learning_rate: float
    class_weights: NDArray[np.float64]
    seed: int
    view_seed: int
    runtime: RuntimeSpec
    tell: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Trained:
    """What a training leaves: its history, the tensors that learned, probabilities (n, k) by role."""

    history: list[dict[str, float | str]]
    state: State
    predictions: dict[str, NDArray[np.float32]]


def train(network: Classifier, task: Task, frozen: FrozenFeatures) -> Trained:
    """Train `network` (changed in place) through all stages, and predict every part with its best checkpoint.

    Args:
        network: fresh, its weights loaded.
        task: data, stages and seeds.
        frozen: pooled features, used while a stage releases nothing of the backbone.

    Raises:
        TrainingError: the loss is no number.
    """
    network.to(task.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    history: list[dict[str, float | str]] = []
    learned: set[str] = set()
    pure = True
    for stage in task.stages:
        release(network, stage.release)
        pure = pure and stage.release in ("head", 0)
        learned |= set(_learning_state(network))
        history += _run_stage(network, task, stage, frozen if pure else None)
    source = frozen if pure else None
    predictions = {
        role: probabilities(_plain_logits(network, task, part.rows, source)) for role, part in task.parts.items()
    }
    state = {name: tensor.cpu() for name, tensor in network.state_dict().items() if name in learned}
    return Trained(history, state, predictions)


def _run_stage(
    network: Classifier, task: Task, stage: StageSpec, frozen: FrozenFeatures | None
) -> list[dict[str, float | str]]:
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=task.learning_rate)
    best, best_state, waited = (-1.0, -math.inf), _learning_state(network), 0
    rows: list[dict[str, float | str]] = []
    for epoch in range(stage.epochs):
        started = time.perf_counter()
        loss, accuracy = _run_epoch(network, task, stage, epoch, optimizer, frozen)
        val_loss, val_accuracy = _validate(network, task, frozen)
        seconds = time.perf_counter() - started
        if not math.isfinite(val_loss):
            raise TrainingError(
                f"{task.name}: stage {stage.name}, epoch {epoch + 1}: the validation loss is no number any more. "
                "Try a smaller '--set training.learning_rates=[...]' or '--set runtime.precision=float32'."
            )
        rows.append(
            {"stage": stage.name, "epoch": epoch + 1, "loss": loss, "accuracy": accuracy,
             "val_loss": val_loss, "val_accuracy": val_accuracy, "seconds": seconds}
        )  # fmt: skip
        if stage.epochs <= MANY_EPOCHS or (epoch + 1) % 10 == 0:
            task.tell(f"{task.name}, {stage.name} {epoch + 1}/{stage.epochs}: validation accuracy {val_accuracy:.3f}")
        if (val_accuracy, -val_loss) > best:
            best, best_state, waited = (val_accuracy, -val_loss), _learning_state(network), 0
        else:
            waited += 1
            if stage.patience is not None and waited >= stage.patience:
                break
    network.load_state_dict(best_state, strict=False)
    return rows


def _run_epoch(
    network: Classifier,
    task: Task,
    stage: StageSpec,
    epoch: int,
    optimizer: torch.optim.Optimizer,
    frozen: FrozenFeatures | None,
) -> tuple[float, float]:
    """One pass over the training part; mean loss and accuracy as they were on the way."""
    train_mode(network)
    torch.manual_seed(stream_seed(task.seed, stage.name, f"epoch {epoch}", "dropout"))
    weights = torch.tensor(task.class_weights, dtype=torch.float32, device=task.runtime.device)
    total_loss = correct = seen = 0.0
    for step, (rows, inputs) in enumerate(_batches(network, task, stage, epoch, frozen)):
        labels = torch.from_numpy(task.labels[rows]).to(task.runtime.device)
        if frozen is None:
            with autocast(task.runtime):
                features = network.features(inputs)
        else:
            features = inputs
        logits = network.classify(features)
        loss = (weights[labels] * losses(logits, labels)).mean()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"{task.name}: stage {stage.name}, epoch {epoch + 1}, step {step + 1}: the loss is no number any more "
                f"(learning rate {task.learning_rate:g}). Try a smaller '--set training.learning_rates=[...]' or "
                "'--set runtime.precision=float32'; finished jobs are kept."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += float(loss.detach()) * len(rows)
        correct += float((called(logits.detach()) == labels).sum())
        seen += len(rows)
    return total_loss / seen, correct / seen


def _batches(
    network: Classifier, task: Task, stage: StageSpec, epoch: int, frozen: FrozenFeatures | None
) -> Iterator[tuple[Rows, torch.Tensor]]:
    """Rows and their inputs, in the seeded order of this epoch: pooled features, or changed pixels."""
    part = task.parts["train"]
    rows = np.repeat(part.rows, part.copies)
    order = stream(task.seed, stage.name, f"epoch {epoch}", "order").permutation(rows)
    shown, changes = _views_of_epoch(task, stage, epoch)
    size = task.training.batch_size
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        if frozen is not None and shown is not None:
            features = np.empty((len(batch), network.head.in_features), np.float32)
            for number in np.unique(shown[batch]):
                chosen = shown[batch] == number
                features[chosen] = frozen.view(int(number))[batch[chosen]]
            yield batch, torch.from_numpy(features).to(task.runtime.device)
            continue
        inputs = to_input(task.images.pixels[batch], network, task.runtime.device, _changes_of(batch, shown, changes))
        if frozen is not None:
            with torch.no_grad(), autocast(task.runtime):
                inputs = network.features(inputs).float()
        yield batch, inputs


def _views_of_epoch(task: Task, stage: StageSpec, epoch: int) -> tuple[Rows | None, dict[int, views.Draw]]:
    """Which view each image shows (None where drawn online), and the parameters of the views."""
    augment, images = task.training.augment, len(task.labels)
    if augment.active and augment.views == "online":
        name = f"{stage.name} epoch {epoch}"
        return None, {-1: views.draw(augment, images, task.seed, name)}
    bank = views.bank_size(augment, stage.epochs)
    shown = views.view_of_epoch(stream_seed(task.seed, stage.name), images, bank, epoch)
    return shown, {n: views.draw(augment, images, task.view_seed, f"view {n}") for n in range(1, bank + 1)}


def _changes_of(batch: Rows, shown: Rows | None, changes: dict[int, views.Draw]) -> views.Draw | None:
    if not changes:
        return None
    if shown is None:
        return changes[-1][batch]
    pieces = [changes[int(shown[row])][np.array([row])] for row in batch]
    joined = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in views.FIELDS}
    return views.Draw(**joined)


def _validate(network: Classifier, task: Task, frozen: FrozenFeatures | None) -> tuple[float, float]:
    """Loss and accuracy on the validation part, in evaluation mode, the plain view, classes not weighed."""
    part = task.parts["validation"]
    logits = _plain_logits(network, task, part.rows, frozen)
    labels = torch.from_numpy(task.labels[part.rows])
    copies = torch.from_numpy(part.copies).double()
    loss = (losses(logits, labels).double() * copies).sum() / copies.sum()
    accuracy = ((called(logits) == labels).double() * copies).sum() / copies.sum()
    return float(loss), float(accuracy)


def _plain_logits(network: Classifier, task: Task, rows: Rows, frozen: FrozenFeatures | None) -> torch.Tensor:
    if frozen is None:
        return logits_of(network, task.images, rows, task.runtime)
    network.eval()
    with torch.inference_mode():
        features = torch.from_numpy(frozen.view(0)[rows].astype(np.float32)).to(task.runtime.device)
        return network.classify(features).cpu()


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each image (n,): binary for one logit, categorical for several."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), reduction="none")
    return functional.cross_entropy(logits, labels, reduction="none")


def called(logits: torch.Tensor) -> torch.Tensor:
    """Class of each image (n,); a probability of exactly 0.5 is class 1."""
    return (logits[:, 0] >= 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


def _learning_state(network: Classifier) -> State:
    """Copies of the tensors that learn: released parameters, and buffers of modules in training mode."""
    train_mode(network)
    names = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for prefix, module in network.named_modules():
        if module.training:
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_buffers(recurse=False)}
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items() if name in names}

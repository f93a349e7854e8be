"""The plain loop: it defines what training a model of a study means. `tests/parity` holds the faster ways to it.

Stages follow each other. Each begins from the best epoch of the one before, with a fresh optimiser.
Shapes: n images of a batch, 3 x h x w pixels, d pooled features, o logits (1 for a sigmoid head, else k classes).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from leukolab.base.streams import stream, stream_seed
from leukolab.engine.network import Classifier, copied, learning_tensors, release, released_depth, train_mode
from leukolab.engine.optimizer import make_optimizer
from leukolab.engine.output import OutputLayer
from leukolab.engine.pixels import Rows
from leukolab.engine.source import PixelSource, Source, fed_ahead
from leukolab.engine.training import History, Trained, Training, epoch_row, not_finite
from leukolab.spec import StageSpec


def train(network: Classifier, training: Training) -> Trained:
    """Train `network` (changed in place) through all stages, and predict every part with its best epoch.

    Every image goes through the whole network in every epoch.

    Args:
        network: fresh, its weights loaded.
        training: data, stages and seeds.

    Raises:
        TrainingError: a loss is not finite.
    """
    network.to(training.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    history: History = []
    learned: set[str] = set()
    for stage in training.stages:
        release(network, stage.release)
        learned |= learning_tensors(network).keys()
        source = PixelSource(network, training, frozen=released_depth(network, stage.release) == 0)
        history += train_stage(network, training, stage, source)
    state = network.state_dict()
    return Trained(
        history, {name: state[name].cpu() for name in sorted(learned)}, predictions(network, training, source)
    )


def train_stage(network: Classifier, training: Training, stage: StageSpec, source: Source) -> History:
    """Train one stage until its last epoch or until patience runs out, and go back to its best epoch."""
    learning = learning_tensors(network)
    optimizer = make_optimizer(network.parameters(), training)
    history: History = []
    best, kept, waited = (-1.0, -math.inf), copied(learning), 0
    for epoch in range(stage.epochs):
        started = time.perf_counter()
        loss, accuracy = run_epoch(network, training, stage, epoch, optimizer, source)
        val_loss, val_accuracy = validate(network, training, source)
        row = epoch_row(training, stage, epoch, (loss, accuracy, val_loss, val_accuracy))
        history.append(row | {"seconds": time.perf_counter() - started})
        score = val_accuracy, -val_loss  # patience waits for a better accuracy; the best epoch: ties by lower loss
        waited = 0 if val_accuracy > best[0] else waited + 1
        if score > best:
            best, kept = score, copied(learning)
        if waited == stage.stops_after:
            break
    network.load_state_dict(kept, strict=False)
    return history


def run_epoch(
    network: Classifier,
    training: Training,
    stage: StageSpec,
    epoch: int,
    optimizer: torch.optim.Optimizer,
    source: Source,
) -> tuple[float, float]:
    """One pass over the training part; mean loss and accuracy as they were on the way."""
    train_mode(network)
    torch.manual_seed(stream_seed(training.seed, stage.name, f"epoch {epoch}", "backbone"))
    generator = dropout_generator(training, stage, epoch)
    device = training.runtime.device
    weights = torch.tensor(training.class_weights, dtype=torch.float32, device=device)  # (k,)
    total_loss = correct = seen = 0.0
    fed = fed_ahead(source, training, batches(training, stage, epoch), (stage, epoch))
    for step, (rows, inputs) in enumerate(fed):  # (n,), (n, 3, h, w)
        labels = torch.from_numpy(training.labels[rows]).to(device)  # (n,)
        features = source.features(inputs)  # (n, d)
        logits = network.classify(features, generator)  # (n, o), after dropout
        loss = (weights[labels] * network.output.losses(logits, labels)).mean()  # not divided by the weights again
        if not torch.isfinite(loss):
            raise not_finite(training, stage, epoch, step, float(loss.detach()))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += float(loss.detach()) * len(rows)
        correct += float((network.output.called(logits.detach()) == labels).sum())
        seen += len(rows)
    return total_loss / seen, correct / seen


def batches(training: Training, stage: StageSpec, epoch: int) -> Iterator[Rows]:
    """Rows of the training part in the seeded order of this epoch, each as often as it has copies."""
    part = training.parts["train"]
    rows = np.repeat(part.rows, part.copies)
    order = stream(training.seed, stage.name, f"epoch {epoch}", "order").permutation(rows)
    size = training.settings.batch_size
    for start in range(0, len(order), size):
        yield order[start : start + size]


def dropout_generator(training: Training, stage: StageSpec, epoch: int) -> torch.Generator:
    """The random numbers of this epoch's dropout."""
    return torch.Generator().manual_seed(stream_seed(training.seed, stage.name, f"epoch {epoch}", "dropout"))


def validate(network: Classifier, training: Training, source: Source) -> tuple[float, float]:
    """Loss and accuracy on the validation part, in evaluation mode, the plain view, classes not weighed."""
    logits = plain_logits(network, training, training.parts["validation"].rows, source)
    return judged(training, network.output, logits)


def judged(training: Training, output: OutputLayer, logits: torch.Tensor) -> tuple[float, float]:
    """Loss and accuracy of logits (n, o) of the validation part; an image counts as often as it has copies."""
    part = training.parts["validation"]
    labels = torch.from_numpy(training.labels[part.rows])  # (n,)
    copies = torch.from_numpy(part.copies).double()  # (n,)
    loss = (output.losses(logits, labels).double() * copies).sum() / copies.sum()
    accuracy = ((output.called(logits) == labels).double() * copies).sum() / copies.sum()
    return float(loss), float(accuracy)


def predictions(network: Classifier, training: Training, source: Source) -> dict[str, NDArray[np.float32]]:
    """Probabilities (n, k) of every part, by role."""
    return {
        role: network.output.probabilities(plain_logits(network, training, part.rows, source))
        for role, part in training.parts.items()
    }


def plain_logits(network: Classifier, training: Training, rows: Rows, source: Source) -> torch.Tensor:
    """Logits (len(rows), o) of the plain view, in evaluation mode, on the CPU."""
    network.eval()
    size = training.runtime.evaluation_batch_size
    pieces = (rows[start : start + size] for start in range(0, len(rows), size))
    with torch.inference_mode():
        fed = fed_ahead(source, training, pieces, None)
        return torch.cat([network.classify(source.features(inputs)).cpu() for _, inputs in fed])

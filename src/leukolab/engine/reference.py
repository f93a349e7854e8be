"""The plain loop: it defines what training a model of a study means; faster engines are held to it.

Stages follow each other; each reloads the best checkpoint of the one before and starts Adam afresh.
Every image of the training part comes once an epoch (as often as the split has copies of it).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from leukolab.base.errors import TrainingError
from leukolab.base.streams import stream, stream_seed
from leukolab.engine import checkpoint
from leukolab.engine.checkpoint import Standing, moments_of, restore_moments
from leukolab.engine.inference import probabilities
from leukolab.engine.network import Classifier, release, released_depth, train_mode
from leukolab.engine.pixels import Rows
from leukolab.engine.source import PixelSource, Source, fed_ahead
from leukolab.engine.training import Trained, Training
from leukolab.engine.weights import State
from leukolab.spec import StageSpec

MANY_EPOCHS = 20
"""Stages with more epochs than this tell of every tenth only."""


def train(network: Classifier, training: Training) -> Trained:
    """Train `network` (changed in place) through all stages, and predict every part with its best checkpoint.

    Every image goes through the whole network in every epoch.

    Args:
        network: fresh, its weights loaded.
        training: data, stages and seeds.

    Raises:
        TrainingError: the loss is no number.
    """
    return train_from(network, training, lambda depth: PixelSource(network, training, frozen=depth == 0))


def train_from(
    network: Classifier,
    training: Training,
    source_for: Callable[[int], Source],
    path: Path | None = None,
    start: Standing | None = None,
) -> Trained:
    """`train`, fed by any source and able to go on.

    Args:
        network: fresh, its weights loaded; changed in place.
        training: data, stages and seeds.
        source_for: the source, given how many stages of the backbone learn by then.
        path: where the training stands after each epoch; it goes on from there.
        start: where to begin when nothing is at `path`.
    """
    network.to(training.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    standing = checkpoint.load(path) or start or Standing()
    network.load_state_dict(standing.learned, strict=False)
    learned: set[str] = set()
    depth, source = -1, None
    for number, stage in enumerate(training.stages):
        release(network, stage.release)
        deeper = max(depth, released_depth(network, stage.release))
        if source is None or deeper > depth:
            depth, source = deeper, source_for(deeper)
        learned |= learning_names(network)
        if number >= standing.stage:
            state = network.state_dict()
            keeper = Keeper(path, {name: state[name] for name in sorted(learned)})
            standing = _run_stage(network, training, source, standing, keeper)
    assert source is not None
    predictions = {
        role: probabilities(plain_logits(network, training, part.rows, source)) for role, part in training.parts.items()
    }
    return Trained(standing.history, {name: tensor.cpu() for name, tensor in standing.learned.items()}, predictions)


@dataclass(frozen=True)
class Keeper:
    """Takes down how a training stands: where to, and which of the network's tensors have learned by now."""

    path: Path | None
    tensors: State

    def keep(self, standing: Standing) -> Standing:
        """The standing with the network's tensors as they are now, written down."""
        standing = replace(standing, learned=copied(self.tensors))
        checkpoint.save(self.path, standing)
        return standing


def _run_stage(network: Classifier, training: Training, source: Source, standing: Standing, keeper: Keeper) -> Standing:
    """Train one stage from where it stands to its end, and reload its best epoch."""
    stage = training.stages[standing.stage]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    learning = {name: keeper.tensors[name] for name in sorted(learning_names(network))}
    optimizer = torch.optim.Adam(parameters, lr=training.learning_rate, fused=True)
    if standing.epochs:
        restore_moments(optimizer, standing.moments)
    else:
        standing = replace(standing, kept=copied(learning))
    while standing.epochs < stage.epochs and not standing.waited_out(stage):
        started = time.perf_counter()
        loss, accuracy = run_epoch(network, training, stage, standing.epochs, (optimizer, source))
        val_loss, val_accuracy = validate(network, training, source)
        row = epoch_row(training, stage, standing.epochs, (loss, accuracy, val_loss, val_accuracy))
        standing = standing.after(row | {"seconds": time.perf_counter() - started})
        if not standing.waited:
            standing = replace(standing, kept=copied(learning))
        standing = keeper.keep(replace(standing, moments=moments_of(optimizer)))
    network.load_state_dict(standing.kept, strict=False)
    return keeper.keep(Standing(stage=standing.stage + 1, history=standing.history))


def epoch_row(
    training: Training, stage: StageSpec, epoch: int, numbers: tuple[float, float, float, float]
) -> dict[str, float | str]:
    """One row of the history; tells of it.

    Raises:
        TrainingError: the validation loss is no number.
    """
    loss, accuracy, val_loss, val_accuracy = numbers
    if not math.isfinite(val_loss):
        raise TrainingError(
            f"{training.name}: stage {stage.name}, epoch {epoch + 1}: the validation loss is no number any more. "
            "Try a smaller '--set training.learning_rates=[...]' or '--set runtime.precision=float32'."
        )
    if stage.epochs <= MANY_EPOCHS or (epoch + 1) % 10 == 0:
        training.tell(f"{stage.name} {epoch + 1}/{stage.epochs}: validation accuracy {val_accuracy:.3f}")
    return {"stage": stage.name, "epoch": epoch + 1, "loss": loss, "accuracy": accuracy,
            "val_loss": val_loss, "val_accuracy": val_accuracy}  # fmt: skip


def run_epoch(
    network: Classifier, training: Training, stage: StageSpec, epoch: int, using: tuple[torch.optim.Optimizer, Source]
) -> tuple[float, float]:
    """One pass over the training part; mean loss and accuracy as they were on the way."""
    optimizer, source = using
    train_mode(network)
    torch.manual_seed(stream_seed(training.seed, stage.name, f"epoch {epoch}", "backbone"))
    generator = dropout_generator(training, stage, epoch)
    weights = torch.tensor(training.class_weights, dtype=torch.float32, device=training.runtime.device)
    total_loss = correct = seen = 0.0
    fed = fed_ahead(source, training, batches(training, stage, epoch), (stage, epoch))
    for step, (rows, inputs) in enumerate(fed):
        labels = torch.from_numpy(training.labels[rows]).to(training.runtime.device)
        logits = network.classify(source.features(inputs), generator)
        loss = (weights[labels] * losses(logits, labels)).mean()
        if not torch.isfinite(loss):
            raise TrainingError(no_number(training, stage, epoch, step))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total_loss += float(loss.detach()) * len(rows)
        correct += float((called(logits.detach()) == labels).sum())
        seen += len(rows)
    return total_loss / seen, correct / seen


def no_number(training: Training, stage: StageSpec, epoch: int, step: int) -> str:
    """What to say when a training loss is no number."""
    return (
        f"{training.name}: stage {stage.name}, epoch {epoch + 1}, step {step + 1}: the loss is no number any more "
        f"(learning rate {training.learning_rate:g}). Try a smaller '--set training.learning_rates=[...]' or "
        "'--set runtime.precision=float32'; finished jobs are kept."
    )


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
    return judged(training, plain_logits(network, training, training.parts["validation"].rows, source))


def judged(training: Training, logits: torch.Tensor) -> tuple[float, float]:
    """Loss and accuracy of logits (n, outputs) of the validation part."""
    part = training.parts["validation"]
    labels = torch.from_numpy(training.labels[part.rows])
    copies = torch.from_numpy(part.copies).double()
    loss = (losses(logits, labels).double() * copies).sum() / copies.sum()
    accuracy = ((called(logits) == labels).double() * copies).sum() / copies.sum()
    return float(loss), float(accuracy)


def plain_logits(network: Classifier, training: Training, rows: Rows, source: Source) -> torch.Tensor:
    """Logits (len(rows), outputs) of the plain view, in evaluation mode, on the CPU."""
    network.eval()
    size = training.runtime.evaluation_batch_size
    pieces = (rows[start : start + size] for start in range(0, len(rows), size))
    with torch.inference_mode():
        fed = fed_ahead(source, training, pieces, None)
        logits = [network.classify(source.features(inputs)).cpu() for _, inputs in fed]
    return torch.cat(logits)


def losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each image (n,): binary for one logit, categorical for several."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), reduction="none")
    return functional.cross_entropy(logits, labels, reduction="none")


def called(logits: torch.Tensor) -> torch.Tensor:
    """Class of each image (n,); a probability of exactly 0.5 is class 1."""
    return (logits[:, 0] >= 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


def learning_names(network: Classifier) -> set[str]:
    """Names of the tensors that learn: released parameters, and buffers of modules in training mode."""
    train_mode(network)
    names = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for prefix, module in network.named_modules():
        if module.training:
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_buffers(recurse=False)}
    return names & set(network.state_dict())


def copied(tensors: State) -> State:
    """These tensors as they are now."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}

"""The loop that can stop after any epoch and go on, fed by any source; `tests/parity` holds it to the reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from leukolab.engine import checkpoint, reference
from leukolab.engine.checkpoint import Standing
from leukolab.engine.network import Classifier, copied, learning_tensors, release, released_depth
from leukolab.engine.optimizer import make_optimizer, moments_of, restore_moments
from leukolab.engine.source import Source
from leukolab.engine.training import Trained, Training, epoch_row
from leukolab.engine.weights import State


def train_from(
    network: Classifier,
    training: Training,
    source_for: Callable[[int], Source],
    path: Path | None = None,
    start: Standing | None = None,
) -> Trained:
    """`reference.train`, fed by any source and able to go on.

    Args:
        network: fresh, its weights loaded; changed in place.
        training: data, stages and seeds.
        source_for: the source, given how many stages of the backbone learn by then.
        path: where the training stands after each epoch; it goes on from there.
        start: where to begin when nothing is at `path`.

    Raises:
        TrainingError: a loss is not finite.
    """
    network.to(training.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    standing = checkpoint.load(path) or start or Standing()
    network.load_state_dict(standing.learned, strict=False)
    learned: State = {}
    depth, source = -1, None
    for number, stage in enumerate(training.stages):
        release(network, stage.release)
        deeper = max(depth, released_depth(network, stage.release))
        if source is None or deeper > depth:
            depth, source = deeper, source_for(deeper)
        learned |= learning_tensors(network)
        if number >= standing.stage:
            keeper = Keeper(path, {name: learned[name] for name in sorted(learned)})
            standing = _run_stage(network, training, source, standing, keeper)
    assert source is not None
    state = {name: tensor.cpu() for name, tensor in standing.learned.items()}
    return Trained(standing.history, state, reference.predictions(network, training, source))


@dataclass(frozen=True)
class Keeper:
    """Writes down how a training stands: where to, and which of the network's tensors have learned by now."""

    path: Path | None
    tensors: State

    def keep(self, standing: Standing) -> Standing:
        """The standing with the network's tensors as they are now, written down."""
        standing = replace(standing, learned=copied(self.tensors))
        checkpoint.save(self.path, standing)
        return standing


def _run_stage(network: Classifier, training: Training, source: Source, standing: Standing, keeper: Keeper) -> Standing:
    """Train one stage from where it stands to its end, and go back to its best epoch."""
    stage = training.stages[standing.stage]
    learning = learning_tensors(network)
    optimizer = make_optimizer(network.parameters(), training)
    if standing.epochs:
        restore_moments(optimizer, standing.moments)
    else:
        standing = replace(standing, kept=copied(learning))
    while standing.epochs < stage.epochs and not standing.waited_out(stage):
        started = time.perf_counter()
        loss, accuracy = reference.run_epoch(network, training, stage, standing.epochs, optimizer, source)
        val_loss, val_accuracy = reference.validate(network, training, source)
        row = epoch_row(training, stage, standing.epochs, (loss, accuracy, val_loss, val_accuracy))
        before, standing = standing.best, standing.after(row | {"seconds": time.perf_counter() - started})
        if standing.best > before:
            standing = replace(standing, kept=copied(learning))
        standing = keeper.keep(replace(standing, moments=moments_of(optimizer)))
    network.load_state_dict(standing.kept, strict=False)
    return keeper.keep(Standing(stage=standing.stage + 1, history=standing.history))

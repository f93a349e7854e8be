"""Heads together: one stage of many models at once, where only their heads learn.

Every head has its own samples, order, dropout, class weights, learning rate, early stopping and best epoch,
and ends as it would have ended alone; they share only the computation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from leukolab.base.findings import Finding
from leukolab.engine import checkpoint
from leukolab.engine.bank import Bank
from leukolab.engine.checkpoint import Standing
from leukolab.engine.network import dropout_mask, fresh_head
from leukolab.engine.optimizer import make_optimizer, moments_of, restore_moments
from leukolab.engine.output import OutputLayer, output_layer
from leukolab.engine.pixels import Rows
from leukolab.engine.reference import batches, dropout_generator, judged
from leukolab.engine.source import PooledSource
from leukolab.engine.training import Training, epoch_row, not_finite
from leukolab.engine.weights import State
from leukolab.spec import StageSpec

LANES = 64
"""Batches are padded to multiples of 64, so a head's result does not depend on its neighbours."""


@dataclass
class _Head:
    """One head in training."""

    training: Training
    head: nn.Linear
    output: OutputLayer
    optimizer: torch.optim.Optimizer
    source: PooledSource
    dropout: float
    standing: Standing

    def state(self) -> State:
        return {f"head.{name}": tensor.detach().clone() for name, tensor in self.head.state_dict().items()}


def train_heads(
    trainings: Sequence[Training],
    banks: Callable[[Training], Bank],
    outputs: int,
    dropout: float,
    path: Path | None = None,
    tell: Callable[[Finding], None] = lambda _: None,
) -> list[Standing]:
    """Train the first stage of all trainings; each result is where that training's next stage begins.

    Args:
        trainings: their first stages release the head only; epochs and patience may differ.
        banks: the bank a training sees.
        outputs: logits of a head.
        dropout: share of pooled features dropped in training.
        path: a file to keep the standing in after each epoch, and to go on from.
        tell: takes a finding `progress.heads` every tenth epoch.

    Raises:
        TrainingError: the loss of one of them is not finite.
    """
    heads = [_begin(training, banks(training), outputs, dropout) for training in trainings]
    _restore(heads, path)
    while active := [head for head in heads if _goes_on(head)]:
        epoch = min(head.standing.epochs for head in active)
        together = [head for head in active if head.standing.epochs == epoch]
        _epoch_of(together, epoch)
        _keep(heads, path)
        if (epoch + 1) % 10 == 0:
            accuracies = [float(head.standing.history[-1]["val_accuracy"]) for head in together]
            lowest, highest = min(accuracies), max(accuracies)
            values = {"epoch": epoch + 1, "heads": len(together), "low": lowest, "high": highest}
            tell(Finding("progress.heads", "info", values))
    return [_finished(head) for head in heads]


def _begin(training: Training, bank: Bank, outputs: int, dropout: float) -> _Head:
    head = fresh_head(bank.width, outputs, training.seed).to(training.runtime.device)
    optimizer = make_optimizer(head.parameters(), training)
    fresh = _Head(training, head, output_layer(outputs), optimizer, PooledSource(bank, training), dropout, Standing())
    fresh.standing = Standing(kept=fresh.state(), learned=fresh.state())
    return fresh


def _goes_on(head: _Head) -> bool:
    stage = head.training.stages[0]
    return head.standing.epochs < stage.epochs and not head.standing.waited_out(stage)


def _epoch_of(heads: list[_Head], epoch: int) -> None:
    """One epoch of these heads, step by step together."""
    started = time.perf_counter()
    totals = torch.zeros(len(heads), 3, dtype=torch.float64)
    for step, batch in enumerate(_steps(heads, epoch)):
        totals[[number for number, _, _ in batch]] += _step(heads, batch, epoch, step)
    seconds = (time.perf_counter() - started) / len(heads)
    for head, (loss, correct, seen) in zip(heads, totals.tolist(), strict=True):
        val_loss, val_accuracy = _validate(head)
        row = epoch_row(head.training, _stage(head), epoch, (loss / seen, correct / seen, val_loss, val_accuracy))
        standing = head.standing.after(row | {"seconds": seconds})
        kept = head.state() if standing.best > head.standing.best else standing.kept
        head.standing = replace(standing, kept=kept, learned=head.state(), moments=moments_of(head.optimizer))


Batch = list[tuple[int, Rows, torch.Generator]]
"""Number of a head, its rows, its dropout."""


def _steps(heads: list[_Head], epoch: int) -> Iterator[Batch]:
    """The batches of an epoch; a head that has seen all its images is left out of the steps that follow."""
    streams = [batches(head.training, _stage(head), epoch) for head in heads]
    generators = [dropout_generator(head.training, _stage(head), epoch) for head in heads]
    while True:
        rows = [next(stream, None) for stream in streams]
        batch = [(n, row, generators[n]) for n, row in enumerate(rows) if row is not None]
        if not batch:
            return
        yield batch


def _step(heads: list[_Head], batch: Batch, epoch: int, step: int) -> torch.Tensor:
    """One step of every head in `batch`; sums of loss, hits and images of each (heads, 3)."""
    size = -(-max(head.training.settings.batch_size for head in heads) // LANES) * LANES
    width, device = heads[0].head.in_features, heads[0].training.runtime.device
    features = torch.zeros(len(batch), size, width)
    labels = torch.zeros(len(batch), size, dtype=torch.long)
    shares = torch.zeros(len(batch), size)
    for place, (number, rows, generator) in enumerate(batch):
        head = heads[number]
        seen = head.source.inputs(rows, _stage(head), epoch)
        if head.dropout:
            seen = seen * dropout_mask(len(rows), width, head.dropout, generator).to(seen.device)
        features[place, : len(rows)] = seen
        labels[place, : len(rows)] = torch.from_numpy(head.training.labels[rows])
        weights = torch.tensor(head.training.class_weights, dtype=torch.float32)
        shares[place, : len(rows)] = weights[labels[place, : len(rows)]] / len(rows)
    logits = _logits(features.to(device), [heads[number].head for number, _, _ in batch])
    output = heads[0].output
    each = output.losses(logits.flatten(0, 1), labels.to(device).flatten()).view(len(batch), size)
    loss = (each * shares.to(device)).sum(dim=1)
    _check(heads, batch, loss, epoch, step)
    loss.sum().backward()  # type: ignore[no-untyped-call]
    for number, _, _ in batch:
        heads[number].optimizer.step()
        heads[number].optimizer.zero_grad(set_to_none=True)
    counts = torch.tensor([len(rows) for _, rows, _ in batch], dtype=torch.float64)
    right = (output.called(logits.detach().flatten(0, 1)).cpu() == labels.flatten()).view(len(batch), size) & (
        shares > 0
    )
    return torch.stack([loss.detach().cpu().double() * counts, right.sum(dim=1).double(), counts], dim=1)


def _logits(features: torch.Tensor, heads: list[nn.Linear]) -> torch.Tensor:
    """Logits (m, b, outputs) of features (m, b, d); the bits of a head do not depend on its neighbours.

    A single column takes another path through the matrix product when there is one head only, so a column of zeros is
    added to it.
    """
    weight = torch.stack([head.weight for head in heads])
    outputs = weight.shape[1]
    padded = functional.pad(weight, (0, 0, 0, max(0, 2 - outputs)))
    bias = torch.stack([head.bias for head in heads])
    return torch.bmm(features, padded.transpose(1, 2))[:, :, :outputs] + bias[:, None]


def _check(heads: list[_Head], batch: Batch, loss: torch.Tensor, epoch: int, step: int) -> None:
    for (number, _, _), value in zip(batch, loss.tolist(), strict=True):
        if not math.isfinite(value):
            raise not_finite(heads[number].training, _stage(heads[number]), epoch, step, value)


def _validate(head: _Head) -> tuple[float, float]:
    rows, size = head.training.parts["validation"].rows, head.training.runtime.evaluation_batch_size
    with torch.inference_mode():
        pieces = [head.head(head.source.plain(rows[start : start + size])).cpu() for start in range(0, len(rows), size)]
    return judged(head.training, head.output, torch.cat(pieces))


def _stage(head: _Head) -> StageSpec:
    return head.training.stages[0]


def _finished(head: _Head) -> Standing:
    return Standing(stage=1, history=head.standing.history, learned=head.standing.kept)


def _keep(heads: list[_Head], path: Path | None) -> None:
    """All standings in one file."""
    if path is not None:
        checkpoint.save_all(path, [head.standing for head in heads])


def _restore(heads: list[_Head], path: Path | None) -> None:
    standings = checkpoint.load_all(path)
    if standings is None or len(standings) != len(heads):
        return
    for head, standing in zip(heads, standings, strict=True):
        head.standing = standing
        head.head.load_state_dict({name.removeprefix("head."): tensor for name, tensor in standing.learned.items()})
        if standing.moments:
            restore_moments(head.optimizer, standing.moments)

"""What a stage of training is fed: pixels, activations at the cut, or pooled features; always the same images.

A source hands out inputs, and knows which part of the network they still have to go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import torch

from leukolab.base.streams import stream_seed
from leukolab.base.threads import ahead
from leukolab.engine import views
from leukolab.engine.bank import Bank
from leukolab.engine.cut import cut
from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Rows, normalised, to_device
from leukolab.engine.resident import shown
from leukolab.engine.runtime import autocast, one_core
from leukolab.engine.training import Training
from leukolab.spec import StageSpec

Fed = tuple[Rows, torch.Tensor]
"""Rows of a batch, and its inputs."""


class Source(Protocol):
    """Inputs of a stage, and the way from there to pooled features."""

    def inputs(self, rows: Rows, stage: StageSpec, epoch: int) -> torch.Tensor:
        """Of training images, in the view that this epoch shows."""

    def plain(self, rows: Rows) -> torch.Tensor:
        """Of images to be judged, in the plain view."""

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Pooled features (n, d); what learns below the head is on this way."""


class PixelSource:
    """Every image through the whole network, each time: what the other sources are held to."""

    def __init__(self, network: Classifier, training: Training, frozen: bool) -> None:
        self.network, self.training, self.frozen = network, training, frozen
        self._drawn: tuple[tuple[str, int], Rows | None, list[views.Draw]] | None = None

    def inputs(self, rows: Rows, stage: StageSpec, epoch: int) -> torch.Tensor:
        """Changed and normalised pixels; pooled features where nothing of the backbone learns."""
        return self._through(rows, self._changes(rows, stage, epoch))

    def plain(self, rows: Rows) -> torch.Tensor:
        """Normalised pixels; pooled features where nothing of the backbone learns."""
        return self._through(rows, None)

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """The backbone, where it learns."""
        if self.frozen:
            return inputs
        with autocast(self.training.runtime):
            return self.network.features(inputs)

    def pixels(self, rows: Rows, changes: views.Draw | None) -> torch.Tensor:
        """Normalised pixels (n, 3, h, w), changed where asked for."""
        return normalised(shown(self.training.images, rows, changes, self.training.runtime.device), self.network)

    def _through(self, rows: Rows, changes: views.Draw | None) -> torch.Tensor:
        inputs = self.pixels(rows, changes)
        if not self.frozen:
            return inputs
        with torch.no_grad(), autocast(self.training.runtime):
            return self.network.features(inputs).float()

    def _changes(self, rows: Rows, stage: StageSpec, epoch: int) -> views.Draw | None:
        augment = self.training.settings.augment
        if not augment.active:
            return None
        if self._drawn is None or self._drawn[0] != (stage.name, epoch):
            self._drawn = ((stage.name, epoch), *self._draw(stage, epoch))
        _, shown, draws = self._drawn
        return draws[0][rows] if shown is None else views.Draw.picked(draws, shown[rows], rows)

    def _draw(self, stage: StageSpec, epoch: int) -> tuple[Rows | None, list[views.Draw]]:
        training, images = self.training, len(self.training.labels)
        if training.settings.augment.views == "online":
            return None, [views.draw(training.settings.augment, images, training.seed, f"{stage.name} epoch {epoch}")]
        bank = views.bank_size(training.settings.augment, stage.epochs)
        draws = [
            views.draw(training.settings.augment, images, training.view_seed, f"view {n}") for n in range(1, bank + 1)
        ]
        return shown_views(training, stage, epoch), draws


class PooledSource:
    """Pooled features from the bank: all that the head needs."""

    def __init__(self, bank: Bank, training: Training) -> None:
        self.bank, self.training = bank, training

    def inputs(self, rows: Rows, stage: StageSpec, epoch: int) -> torch.Tensor:
        """Pooled features (n, d)."""
        return self._tensor(rows, shown_views(self.training, stage, epoch)[rows])

    def plain(self, rows: Rows) -> torch.Tensor:
        """Pooled features (n, d)."""
        return self._tensor(rows, np.zeros(len(rows), np.int64))

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Nothing is left to do."""
        return inputs

    def _tensor(self, rows: Rows, shown: Rows) -> torch.Tensor:
        return to_device(self.bank.pooled(rows, shown), self.training.runtime.device).float()


class ActivationSource:
    """Activations at the cut from the bank: what the released stages need."""

    def __init__(self, bank: Bank, network: Classifier, training: Training) -> None:
        self.bank, self.training = bank, training
        halves = cut(network, bank.trunk.depth)
        if halves is None:
            raise ValueError("this backbone cannot be cut here")
        self.upper = halves.upper

    def inputs(self, rows: Rows, stage: StageSpec, epoch: int) -> torch.Tensor:
        """Activations (n, c, h, w), channels last."""
        return self._tensor(rows, shown_views(self.training, stage, epoch)[rows])

    def plain(self, rows: Rows) -> torch.Tensor:
        """Activations (n, c, h, w), channels last."""
        return self._tensor(rows, np.zeros(len(rows), np.int64))

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """The released stages and the pooling."""
        with autocast(self.training.runtime):
            pooled: torch.Tensor = self.upper(inputs)
        return pooled

    def _tensor(self, rows: Rows, shown: Rows) -> torch.Tensor:
        kept = to_device(self.bank.activations(rows, shown), self.training.runtime.device)
        return kept.float().permute(0, 3, 1, 2)


def fed_ahead(
    source: Source, training: Training, rows: Iterable[Rows], epoch: tuple[StageSpec, int] | None
) -> Iterator[Fed]:
    """Batches of rows, each with its inputs; on a graphics card a second thread makes them while the card computes.

    Args:
        source: of the inputs.
        training: the training it feeds.
        rows: of each batch.
        epoch: stage and epoch whose views are shown; the plain view where None.
    """

    def fed(batch: Rows) -> Fed:
        return batch, source.plain(batch) if epoch is None else source.inputs(batch, *epoch)

    return ahead(fed, rows, start=one_core) if training.runtime.device == "cuda" else map(fed, rows)


def shown_views(training: Training, stage: StageSpec, epoch: int) -> Rows:
    """Which view of the bank each packed image shows in this epoch, (images,); 0 where nothing is changed."""
    bank = views.bank_size(training.settings.augment, stage.epochs)
    return views.view_of_epoch(stream_seed(training.seed, stage.name), len(training.labels), bank, epoch)

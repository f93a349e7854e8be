"""Training fed from the bank: the frozen part is computed once, and only what learns is run in each epoch.

The loop is `resume`'s; `tests/parity` holds the results to the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from leukolab.engine.bank import Bank
from leukolab.engine.checkpoint import Standing
from leukolab.engine.network import Classifier, released_depth
from leukolab.engine.pixels import Rows
from leukolab.engine.resume import train_from
from leukolab.engine.source import ActivationSource, PixelSource, PooledSource, Source
from leukolab.engine.training import Trained, Training
from leukolab.spec import StageSpec, TrainingSpec


def train(
    network: Classifier,
    training: Training,
    bank_for: Callable[[int], Bank | None],
    path: Path | None = None,
    start: Standing | None = None,
) -> Trained:
    """Train `network` as the reference does.

    Args:
        network: fresh, its weights loaded; changed in place.
        training: data, stages and seeds.
        bank_for: the bank for a number of learning stages of the backbone; None where there is none.
        path: where the training stands after each epoch; it goes on from there.
        start: where to begin when nothing is at `path`, such as a head trained with others.
    """
    return train_from(
        network, training, lambda depth: source_for(network, training, depth, bank_for(depth)), path, start
    )


def source_for(network: Classifier, training: Training, depth: int, bank: Bank | None) -> Source:
    """What feeds a stage: from the bank where there is one, else from pixels.

    Args:
        network: the one that learns.
        training: whose images and views they are.
        depth: stages of the backbone that learn by then.
        bank: made for this depth, or None.
    """
    online = training.settings.augment.active and training.settings.augment.views == "online"
    if bank is None:
        return PixelSource(network, training, frozen=depth == 0)
    if depth == 0:
        return _OnlineSource(network, training, bank) if online else PooledSource(bank, training)
    return PixelSource(network, training, frozen=False) if online else ActivationSource(bank, network, training)


def first_depth(network: Classifier, stages: tuple[StageSpec, ...]) -> int:
    """Stages of the backbone that learn at the first stage of training that goes below the head; 0 where none does."""
    depths = [released_depth(network, stage.release) for stage in stages]
    return next((depth for depth in depths if depth), 0)


def heads_first(stages: tuple[StageSpec, ...], settings: TrainingSpec) -> bool:
    """Whether the first stage trains the head only, on a bank of views, so that heads can be trained together."""
    online = settings.augment.active and settings.augment.views == "online"
    return stages[0].release in ("head", 0) and not online


class _OnlineSource(PixelSource):
    """Fresh views through the frozen network each time; judged on kept features."""

    def __init__(self, network: Classifier, training: Training, bank: Bank) -> None:
        super().__init__(network, training, frozen=True)
        self.kept = PooledSource(bank, training)

    def plain(self, rows: Rows) -> torch.Tensor:
        """Pooled features (n, d) from the bank."""
        return self.kept.plain(rows)

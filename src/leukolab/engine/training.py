"""The plain types of training: what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leukolab.engine.pixels import Images, Rows
from leukolab.engine.weights import State
from leukolab.spec import RuntimeSpec, StageSpec, TrainingSpec

History = list[dict[str, float | str]]
"""One row per epoch: stage, epoch, loss, accuracy, val_loss, val_accuracy, seconds."""


@dataclass(frozen=True)
class RolePart:
    """The images of one role: rows of the packed pixels (n,), and how often each counts (n,)."""

    rows: Rows
    copies: Rows


@dataclass(frozen=True)
class Training:
    """One model to train.

    Attributes:
        labels: int64 (images,), of every packed image.
        parts: role to its images; `train` and `validation` are needed.
        class_weights: float64 (k,), all ones where classes are not weighed.
        view_seed: seed of the bank of views; the jobs of a study share it unless each has a bank of its own.
        tell: takes one sentence per epoch; every tenth epoch of long stages.
    """

    name: str
    images: Images
    labels: Rows
    parts: dict[str, RolePart]
    stages: tuple[StageSpec, ...]
    settings: TrainingSpec
    learning_rate: float
    class_weights: NDArray[np.float64]
    seed: int
    view_seed: int
    runtime: RuntimeSpec
    tell: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Trained:
    """What a training leaves: its history, the tensors that learned, probabilities (n, k) by role."""

    history: History
    state: State
    predictions: dict[str, NDArray[np.float32]]

"""The plain types of training: what goes in, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leukolab.base.errors import TrainingError
from leukolab.base.findings import Finding
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
        tell: takes a finding `progress.*` per epoch; every tenth epoch of long stages.
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
    tell: Callable[[Finding], None] = field(default=lambda _: None)


@dataclass(frozen=True)
class Trained:
    """What a training leaves: its history, the tensors that learned, probabilities (n, k) by role."""

    history: History
    state: State
    predictions: dict[str, NDArray[np.float32]]


MANY_EPOCHS = 20
"""Stages with more epochs than this tell of every tenth only."""


def epoch_row(
    training: Training, stage: StageSpec, epoch: int, numbers: tuple[float, float, float, float]
) -> dict[str, float | str]:
    """One row of the history, without seconds; tells of it.

    Args:
        training: whose epoch it is.
        stage: of that training.
        epoch: from 0.
        numbers: loss, accuracy, validation loss, validation accuracy.

    Raises:
        TrainingError: the validation loss is not finite.
    """
    loss, accuracy, val_loss, val_accuracy = numbers
    if not math.isfinite(val_loss):
        raise TrainingError(
            f"{training.name}: stage {stage.name}, epoch {epoch + 1}: expected a finite validation loss, "
            f"got {val_loss}. {REMEDY}",
            settings=REMEDIES,
        )
    if stage.epochs <= MANY_EPOCHS or (epoch + 1) % 10 == 0:
        values = {"stage": stage.name, "epoch": epoch + 1, "epochs": stage.epochs, "value": float(val_accuracy)}
        training.tell(Finding("progress.epoch", "info", values))
    return {"stage": stage.name, "epoch": epoch + 1, "loss": loss, "accuracy": accuracy,
            "val_loss": val_loss, "val_accuracy": val_accuracy}  # fmt: skip


REMEDY = "Try a smaller training.learning_rates=[...] or runtime.precision=float32; finished jobs are kept."
REMEDIES = ("training.learning_rates", "runtime.precision")


def not_finite(training: Training, stage: StageSpec, epoch: int, step: int, loss: float) -> TrainingError:
    """The error for a training loss that is not finite; epoch and step count from 0."""
    return TrainingError(
        f"{training.name}: stage {stage.name}, epoch {epoch + 1}, step {step + 1}: expected a finite loss, got {loss} "
        f"(learning rate {training.learning_rate:g}). {REMEDY}",
        settings=REMEDIES,
    )

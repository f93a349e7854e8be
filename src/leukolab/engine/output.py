"""Two classes or many: how the logits of a head become losses, probabilities and calls, decided here alone.

A sigmoid head has one logit, of the second of two classes; a softmax head has one logit per class.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from leukolab.base.errors import SpecError


class OutputLayer(Protocol):
    """What a head ends in; logits are (n, outputs), labels int64 (n,) on the same device."""

    name: str

    def losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each image, float32 (n,)."""

    def called(self, logits: torch.Tensor) -> torch.Tensor:
        """Class of each image, int64 (n,)."""

    def probabilities(self, logits: torch.Tensor) -> NDArray[np.float32]:
        """Probability of each class, float32 (n, k), k at least 2; computed in float64 from logits on the CPU."""


class Sigmoid:
    """One logit (n, 1) for two classes; a probability of exactly 0.5 is class 1."""

    name = "sigmoid"

    def losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy of each image (n,)."""
        return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), reduction="none")

    def called(self, logits: torch.Tensor) -> torch.Tensor:
        """Class of each image (n,)."""
        return (logits[:, 0] >= 0).long()

    def probabilities(self, logits: torch.Tensor) -> NDArray[np.float32]:
        """Probabilities of both classes (n, 2)."""
        ones = torch.sigmoid(logits.float().double())
        return _as_array(torch.cat([1 - ones, ones], dim=1))


class Softmax:
    """One logit per class (n, k); the first of equal logits is called."""

    name = "softmax"

    def losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Categorical cross-entropy of each image (n,)."""
        return functional.cross_entropy(logits, labels, reduction="none")

    def called(self, logits: torch.Tensor) -> torch.Tensor:
        """Class of each image (n,)."""
        return logits.argmax(dim=1)

    def probabilities(self, logits: torch.Tensor) -> NDArray[np.float32]:
        """Probabilities of all classes (n, k)."""
        return _as_array(torch.softmax(logits.float().double(), dim=1))


def output_layer(outputs: int) -> OutputLayer:
    """What a head with this number of logits ends in."""
    return Sigmoid() if outputs == 1 else Softmax()


def output_count(head: str, classes: int) -> int:
    """How many logits a head has.

    Args:
        head: `sigmoid` or `softmax`, as in `model.head`.
        classes: of the data.

    Raises:
        SpecError: a sigmoid head for another number of classes than two.
    """
    if head == Softmax.name:
        return classes
    if classes != 2:
        raise SpecError(
            f"model.head: a sigmoid head has two classes, the data have {classes}. Use model.head=softmax.",
            settings=("model.head",),
        )
    return 1


def _as_array(values: torch.Tensor) -> NDArray[np.float32]:
    result: NDArray[np.float32] = values.float().numpy()
    return result

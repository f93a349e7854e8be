"""The optimisers a study can name (`training.optimizer`), and their state on its way into a checkpoint.

Beside the learning rate each has the parameters that torch gives it by default; sgd has momentum 0.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import nn

from leukolab.engine.training import Training
from leukolab.engine.weights import State

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": partial(torch.optim.SGD, momentum=0.9, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "nadam": torch.optim.NAdam,
    "adagrad": torch.optim.Adagrad,
}
"""Fused where torch has that on every device: the same rule, in one pass over the parameters."""


def make_optimizer(parameters: Iterable[nn.Parameter], training: Training) -> torch.optim.Optimizer:
    """A fresh optimiser for the parameters that learn.

    Args:
        parameters: of a network or of a head; those that are frozen are left out.
        training: which optimiser, and its learning rate.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    return OPTIMIZERS[training.settings.optimizer](learning, lr=training.learning_rate)


def moments_of(optimizer: torch.optim.Optimizer) -> State:
    """The optimiser's own tensors, named by parameter number."""
    return {
        f"{number}/{name}": tensor
        for number, values in optimizer.state_dict()["state"].items()
        for name, tensor in values.items()
    }


def restore_moments(optimizer: torch.optim.Optimizer, moments: State) -> None:
    """Put back what `moments_of` took.

    Each tensor gets the memory layout of its parameter (channels last, where that is so), since a fused step reads both
    in the order of their memory without regard to strides.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, State] = {}
    for name, tensor in moments.items():
        number, _, what = name.partition("/")
        like = parameters[int(number)]
        fitting = torch.empty_like(like, dtype=tensor.dtype).copy_(tensor) if tensor.shape == like.shape else tensor
        state.setdefault(int(number), {})[what] = fitting.detach()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

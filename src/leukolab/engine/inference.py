"""Logits of a trained network."""

from __future__ import annotations

import torch

from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Images, Rows, to_input
from leukolab.engine.runtime import autocast
from leukolab.spec import RuntimeSpec


def logits_of(network: Classifier, images: Images, rows: Rows, runtime: RuntimeSpec) -> torch.Tensor:
    """Logits (len(rows), outputs) of the plain view, in evaluation mode."""
    network.eval()
    pieces = []
    with torch.inference_mode():
        for start in range(0, len(rows), runtime.evaluation_batch_size):
            piece = rows[start : start + runtime.evaluation_batch_size]
            with autocast(runtime):
                features = network.features(to_input(images.read(piece), network, runtime.device))
            pieces.append(network.classify(features).cpu())
    return torch.cat(pieces) if pieces else torch.empty(0, network.head.out_features)

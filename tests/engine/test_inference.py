from __future__ import annotations

import numpy as np
import torch

from leukolab.engine.inference import logits_of
from leukolab.engine.network import Classifier, train_mode
from leukolab.engine.pixels import Images, to_input
from leukolab.spec import RuntimeSpec


def test_logits_do_not_depend_on_how_images_are_batched(network: Classifier, images: Images) -> None:
    rows = np.array([5, 3, 20, 3])
    one = logits_of(network, images, rows, RuntimeSpec(device="cpu", precision="float32", evaluation_batch_size=1))
    all_at_once = logits_of(network, images, rows, RuntimeSpec(device="cpu", precision="float32"))
    assert torch.allclose(one, all_at_once, atol=1e-5)
    assert torch.equal(all_at_once[1], all_at_once[3])
    assert logits_of(network, images, np.empty(0, np.int64), RuntimeSpec(device="cpu")).shape == (0, 1)


def test_logits_are_those_of_the_network_in_evaluation_mode(network: Classifier, images: Images) -> None:
    rows = np.arange(6)
    with torch.inference_mode():
        direct = network.eval()(to_input(images.pixels[rows], network, "cpu"))
    train_mode(network)
    assert network.backbone.training
    assert torch.allclose(logits_of(network, images, rows, RuntimeSpec(device="cpu", precision="float32")), direct)
    assert not network.backbone.training

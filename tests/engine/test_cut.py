from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from leukolab.engine.cut import cut
from leukolab.engine.network import Classifier, build, release, stages_of, train_mode
from leukolab.spec import ModelSpec

BACKBONES = ("tf_efficientnet_lite0", "test_efficientnet", "test_resnet", "test_convnext", "test_mambaout")


def network_of(backbone: str, pooling: str = "avg") -> Classifier:
    return build(ModelSpec(backbone=backbone, weights="none", pooling=pooling), 3, 1)  # type: ignore[arg-type]


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference as a share of the spread."""
    one, other = one.detach(), other.detach()
    return float((one - other).abs().max() / other.std())


@pytest.mark.parametrize("backbone", BACKBONES)
def test_both_halves_one_after_the_other_are_the_whole(backbone: str) -> None:
    network = network_of(backbone, "avgmax").eval()
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = network.features(pixels)
        for depth in range(1, len(stages_of(network.backbone))):
            halves = cut(network, depth)
            assert halves is not None
            below = halves.lower(pixels)
            assert below.ndim == 4
            assert apart(halves.upper(below), whole) < 1e-4, depth
            assert apart(halves.upper(below.flip(0)), whole.flip(0)) < 1e-4, "the lower half does not feed the upper"
        assert apart(whole, whole.flip(0)) > 1e-3


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_halves_share_out_the_tensors_of_the_network(backbone: str) -> None:
    network = network_of(backbone)
    stages = stages_of(network.backbone)
    own = dict(network.backbone.named_parameters())
    for depth in range(1, len(stages)):
        halves = cut(network, depth)
        assert halves is not None
        above = {id(own[name]) for group in stages[len(stages) - depth :] for name in group}
        assert {id(parameter) for parameter in halves.upper.parameters()} == above
        assert {id(parameter) for parameter in halves.lower.parameters()} == {id(p) for p in own.values()} - above


@pytest.mark.parametrize("backbone", BACKBONES)
def test_nothing_and_everything_are_no_halves(backbone: str) -> None:
    network = network_of(backbone)
    for depth in (0, len(stages_of(network.backbone)), len(stages_of(network.backbone)) + 1):
        assert cut(network, depth) is None


def test_what_cannot_be_traced_is_not_cut() -> None:
    assert cut(network_of("test_vit"), 1) is None


@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "test_efficientnet", "test_resnet"])
def test_the_upper_half_trains_as_the_network_does(backbone: str) -> None:
    """Same loss, same gradients, and the same statistics of batch norm, written into the network itself."""
    whole = network_of(backbone)
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 0.7)  # fresh residual branches end in zeros, and learn nothing below
    halved = copy.deepcopy(whole)
    pixels = torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before = {name: tensor.clone() for name, tensor in halved.state_dict().items()}
    halves = cut(halved, 1)
    assert halves is not None
    for network in (whole, halved):
        release(network, "last_stage")
        train_mode(network)
    with torch.inference_mode():
        kept = halves.lower(pixels)
    one, other = whole.features(pixels), halves.upper(kept.clone())
    assert apart(one, other) < 1e-4
    for features in (one, other):
        (features / one.detach().std()).square().mean().backward()  # type: ignore[no-untyped-call]
    gradients = {name: parameter.grad for name, parameter in halved.named_parameters() if parameter.grad is not None}
    assert gradients.keys() == {name for name, p in halved.backbone.named_parameters("backbone") if p.requires_grad}
    for name, parameter in whole.named_parameters():
        if name in gradients:
            assert parameter.grad is not None
            assert parameter.grad.abs().max() > 0, name
            assert apart(gradients[name], parameter.grad) < 1e-3, name
    after = halved.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    free = {name.rpartition(".")[0] for name, parameter in halved.named_parameters() if parameter.requires_grad}
    assert any(name.endswith("running_mean") for name in moved)
    assert {name.rpartition(".")[0] for name in moved} <= free
    for name in moved:
        assert torch.allclose(after[name], whole.state_dict()[name], atol=1e-5), name

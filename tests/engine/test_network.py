from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import DropPath
from torch import nn

from leukolab.base.errors import SpecError, WeightsError
from leukolab.engine.network import Classifier, build, check_size, fresh_head, release, restore, stages_of, train_mode
from leukolab.engine.weights import Weights, load_backbone
from leukolab.spec import ModelSpec

FAMILIES = {
    "tf_efficientnet_lite0": ("blocks.6", "conv_head", "bn2"),
    "resnet18": ("layer4",),
    "convnext_atto": ("stages.3", "head.norm"),
    "mobilenetv3_small_050": ("blocks.5", "conv_head"),
    "vgg11": ("features.18", "pre_logits"),
    "regnetx_002": ("s4",),
    "densenet121": ("features.denseblock4", "features.norm5"),
    "test_vit": ("blocks.5", "fc_norm"),
}


def tiny(backbone: str = "test_efficientnet", **given: object) -> ModelSpec:
    return ModelSpec(**({"backbone": backbone, "weights": "none"} | given))  # type: ignore[arg-type]


def learning(network: Classifier) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("backbone", FAMILIES)
def test_what_is_released_learns_and_nothing_else(backbone: str) -> None:
    network = build(tiny(backbone), 3, 1)
    everything = {name for name, _ in network.named_parameters()}
    release(network, "head")
    assert learning(network) == {"head.weight", "head.bias"}
    release(network, "last_stage")
    of_stage = {
        f"backbone.{name}" for name, _ in network.backbone.named_parameters() if name.startswith(FAMILIES[backbone])
    }
    assert learning(network) == of_stage | {"head.weight", "head.bias"}
    stages = stages_of(network.backbone)
    release(network, 2)
    assert learning(network) - of_stage == {f"backbone.{name}" for name in stages[-2]} | {"head.weight", "head.bias"}
    release(network, len(stages))
    assert learning(network) == everything
    release(network, 0)
    assert learning(network) == {"head.weight", "head.bias"}
    release(network, "all")
    assert learning(network) == everything
    with pytest.raises(SpecError, match=f"at most {len(stages)}, the stages of this backbone, got {len(stages) + 1}"):
        release(network, len(stages) + 1)


@pytest.mark.parametrize("backbone", FAMILIES)
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_the_head_is_as_wide_as_the_features(backbone: str, pooling: str) -> None:
    size = 160 if backbone == "test_vit" else 64
    network = build(tiny(backbone, pooling=pooling), 3, 1)
    check_size(network, size)
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_images_of_a_size_that_a_backbone_refuses_are_one_sentence() -> None:
    with pytest.raises(SpecError, match=r"image\.size_px: .* 48 px .* made for 160 px: image\.size_px=160"):
        check_size(build(tiny("test_vit_relpos"), 2, 1), 48)


def test_a_head_is_drawn_by_the_seed_and_the_backbone_apart() -> None:
    one, same, other = build(tiny(), 3, 1), build(tiny(), 3, 1), build(tiny(), 3, 2)
    assert torch.equal(one.head.weight, same.head.weight)
    assert not torch.equal(one.head.weight, other.head.weight)
    assert not torch.equal(one.head.weight, fresh_head(one.head.in_features, 3, 2).weight)
    assert torch.equal(other.head.weight, fresh_head(one.head.in_features, 3, 2).weight)
    assert same.weights.digest == one.weights.digest != other.weights.digest
    softmax, sigmoid = build(tiny(), 2, 1), build(tiny(head="sigmoid"), 2, 1)
    assert (softmax.head.out_features, sigmoid.head.out_features) == (2, 1)
    assert softmax.weights.digest == sigmoid.weights.digest


def test_a_sigmoid_head_has_two_classes() -> None:
    with pytest.raises(SpecError, match=r"a sigmoid head has two classes, the data have 3\. Use model\.head=softmax"):
        build(tiny(head="sigmoid"), 3, 1)


def test_frozen_stages_stay_in_evaluation_mode() -> None:
    backbone = timm.create_model("test_efficientnet", num_classes=0, drop_path_rate=0.2)
    network = Classifier(backbone, 256, 2, tiny(), Weights("none", "", (0.5,) * 3, (0.5,) * 3, "", ""))
    release(network, "last_stage")
    train_mode(network)
    seen = {"frozen": 0, "free": 0, "paths": 0}
    for name, module in network.named_modules():
        own = [p.requires_grad for p in module.parameters()]
        if isinstance(module, nn.BatchNorm2d):
            assert module.training == all(own), name
            seen["free" if all(own) else "frozen"] += 1
        if isinstance(module, DropPath):
            assert module.training == name.startswith("backbone.blocks.4"), name
            seen["paths"] += 1
    assert min(seen.values()) > 0
    assert network.dropout.training
    assert network.head.training
    release(network, "head")
    train_mode(network)
    assert not any(module.training for module in network.backbone.modules())
    release(network, "all")
    train_mode(network)
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("stage", ["head", "last_stage", "all"])
def test_a_step_changes_what_is_released_and_no_statistics_of_frozen_stages(stage: str) -> None:
    network = build(tiny(), 3, 1)
    release(network, stage)
    train_mode(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    free = learning(network)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.randn(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name for name in changed if name in dict(network.named_parameters())} <= free
    assert "head.weight" in changed
    statistics = {name for name in changed if "running" in name or "num_batches" in name}
    released = {name.rsplit(".", 1)[0] for name in free}
    assert all(name.rsplit(".", 1)[0] in released for name in statistics)
    assert bool(statistics) == (stage != "head")


def test_a_network_comes_back_from_its_two_states() -> None:
    network = build(tiny(), 3, 1)
    trunk = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    with torch.no_grad():
        network.head.bias += 3
    learned = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("head")}
    again = restore(tiny(), 3, network.weights, (trunk, learned))
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again.eval()(pixels), network.eval()(pixels))
    for states in ((trunk, {}), ({}, learned), (trunk, {**learned, "head.bias": torch.zeros(4)})):
        with pytest.raises(WeightsError, match="do not fit test_efficientnet"):
            restore(tiny(), 3, network.weights, states)


def test_every_backbone_says_how_it_wants_its_pixels() -> None:
    _, weights = load_backbone(tiny("tf_efficientnetv2_m.in1k", pooling="avg"), 0)
    assert weights.mean == (0.5, 0.5, 0.5)
    assert weights.deviation == (0.5, 0.5, 0.5)

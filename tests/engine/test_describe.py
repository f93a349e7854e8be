from __future__ import annotations

from pathlib import Path

import pytest
import torch

from leukolab.base.errors import SpecError
from leukolab.engine import describe, runtime
from leukolab.engine.network import build
from leukolab.engine.trunk import Trunk
from leukolab.spec import ModelSpec, RuntimeSpec, StageSpec

STAGES = (StageSpec(name="head", epochs=1), StageSpec(name="last", release="last_stage", epochs=1))


def test_the_rows_of_a_network_hold_every_parameter() -> None:
    network = build(ModelSpec(backbone="tf_efficientnet_lite0", weights="none"), 4, 1)
    rows = describe.layers(network, 64)
    assert sum(int(str(row["parameters"])) for row in rows) == sum(p.numel() for p in network.parameters())
    assert rows[0]["kind"] == "RGB"
    assert rows[-1]["output_shape"] == "4"
    assert rows[-1]["parameters"] == 1280 * 4 + 4
    assert all(row["name"] for row in rows)


def test_what_learns_is_counted_by_stage() -> None:
    network = build(ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid"), 2, 1)
    counts = describe.learning_parameters(network, (*STAGES, StageSpec(name="all", release="all", epochs=1)))
    assert counts["head"] == 257
    assert counts["head"] < counts["last"] < counts["all"] == sum(p.numel() for p in network.parameters())


def test_the_widest_layer_is_a_convolution_with_its_input_and_output() -> None:
    network = build(ModelSpec(backbone="tf_efficientnet_lite0", weights="none"), 2, 1)
    assert describe.widest(network, 64) == 96 * 32 * 32 + 96 * 16 * 16
    transformer = build(ModelSpec(backbone="test_vit", weights="none"), 2, 1)
    assert describe.widest(transformer, 160) < 1.1 * 3 * 160 * 160


@pytest.mark.parametrize("depth", [0, 1])
def test_a_cost_is_measured(depth: int, tmp_path: Path) -> None:
    network = build(ModelSpec(backbone="test_efficientnet", weights="none"), 2, 1)
    settings = RuntimeSpec(device="cpu", precision="float32", trunk="torch", trunk_batch_size=4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    cost = describe.measure(Trunk(network, 32, depth, settings, tmp_path), STAGES, kept_depth=depth)
    assert 0 < cost.trunk_seconds < 1
    assert set(cost.step_seconds) == set(cost.forward_seconds) == {"head", "last"}
    assert cost.step_seconds["head"] == cost.forward_seconds["head"] == 0, "a head alone costs next to nothing"
    assert 0 < cost.forward_seconds["last"] < 1
    assert 0 < cost.step_seconds["last"] < 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_runtime_is_chosen_once_and_kept() -> None:
    chosen = runtime.resolve_runtime(RuntimeSpec())
    assert chosen.device in ("cpu", "cuda")
    assert chosen.precision in ("float32", "bfloat16")
    assert chosen.threads is not None
    assert runtime.resolve_runtime(chosen) == chosen
    asked = RuntimeSpec(device="cpu", precision="float32", threads=1)
    assert runtime.resolve_runtime(asked) == asked


def test_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SpecError, match=r"finds no CUDA device\. Use runtime\.device=cpu"):
        runtime.resolve_runtime(RuntimeSpec(device="cuda"))


def test_threads_and_determinism_are_put_back() -> None:
    before = torch.get_num_threads()
    with runtime.settled(RuntimeSpec(device="cpu", precision="float32", threads=1)):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()

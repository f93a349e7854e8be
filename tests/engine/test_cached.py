from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from leukolab.engine import cached, reference
from leukolab.engine.bank import Bank
from leukolab.engine.network import Classifier, build
from leukolab.engine.source import ActivationSource, PixelSource, PooledSource
from leukolab.engine.training import Training
from leukolab.spec import AugmentSpec, ModelSpec, StageSpec, TrainingSpec

MakeTraining = Callable[..., Training]
BankFor = Callable[..., Bank]
MODEL = ModelSpec(backbone="test_efficientnet", weights="none", head="sigmoid", dropout=0.3)
CHANGES = {"flip_horizontal": True, "contrast": 0.2, "brightness": 0.2}
AUGMENTS = {
    "none": AugmentSpec(),
    "bank": AugmentSpec(**CHANGES, views=2),  # type: ignore[arg-type]
    "online": AugmentSpec(**CHANGES, views="online"),  # type: ignore[arg-type]
}
HEAD, LAST = StageSpec(name="head", epochs=3), StageSpec(name="fine", release="last_stage", epochs=2)


@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize(("stages", "tolerance"), [((HEAD,), 1e-5), ((HEAD, LAST), 2e-2)])
def test_what_is_kept_trains_as_running_the_pixels_does(
    augment: str, stages: tuple[StageSpec, ...], tolerance: float, make_training: MakeTraining, bank_for: BankFor
) -> None:
    """Views of another seed are farther away. What is kept is rounded, more or less so by the kind of processor."""
    training = make_training(settings=TrainingSpec(batch_size=6, augment=AUGMENTS[augment]), stages=stages)
    network = build(MODEL, 2, 5)
    bank = bank_for(network, training, 1)
    fast, slow = cached.train(network, training, lambda _: bank), reference.train(build(MODEL, 2, 5), training)
    assert [row["stage"] for row in fast.history] == [row["stage"] for row in slow.history]
    for one, other in zip(fast.history, slow.history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=tolerance)
        assert one["val_loss"] == pytest.approx(other["val_loss"], abs=tolerance)
    for role, probs in slow.predictions.items():
        assert np.abs(fast.predictions[role] - probs).max() < tolerance
    assert fast.state.keys() == slow.state.keys()


@pytest.mark.parametrize(
    ("augment", "depth", "expected"),
    [
        ("none", 0, PooledSource),
        ("bank", 0, PooledSource),
        ("online", 0, PixelSource),
        ("none", 1, ActivationSource),
        ("bank", 1, ActivationSource),
        ("online", 1, PixelSource),
    ],
)
def test_a_stage_is_fed_from_the_bank_where_the_bank_holds_what_it_needs(
    augment: str, depth: int, expected: type, network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    training = make_training(settings=TrainingSpec(augment=AUGMENTS[augment]))
    bank = bank_for(network, training, 1)
    assert isinstance(cached.source_for(network, training, depth, bank), expected)
    without = cached.source_for(network, training, depth, None)
    assert isinstance(without, PixelSource)
    assert without.frozen == (depth == 0)


def test_online_heads_are_judged_on_what_is_kept(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    training = make_training(settings=TrainingSpec(augment=AUGMENTS["online"]))
    bank = bank_for(network, training)
    source, rows = cached.source_for(network, training, 0, bank), np.arange(5)
    assert torch.equal(source.plain(rows), torch.from_numpy(bank.pooled(rows, np.zeros(5, np.int64))).float())
    fresh = PixelSource(network, training, frozen=True)
    assert torch.equal(source.inputs(rows, HEAD, 1), fresh.inputs(rows, HEAD, 1))


def test_the_first_depth_is_that_of_the_first_stage_below_the_head(network: Classifier) -> None:
    def stage(release: str | int) -> StageSpec:
        return StageSpec(name=str(release), release=release, epochs=1)  # type: ignore[arg-type]

    for releases, depth in (
        (("head",), 0), (("head", "last_stage"), 1), (("head", 0, 3, "last_stage"), 3), (("all",), 6), ((2, "all"), 2),
    ):  # fmt: skip
        assert cached.first_depth(network, tuple(stage(release) for release in releases)) == depth


def test_heads_are_trained_together_where_a_bank_has_their_views() -> None:
    training = {name: TrainingSpec(augment=augment) for name, augment in AUGMENTS.items()}
    assert cached.heads_first((HEAD, LAST), training["none"])
    assert cached.heads_first((HEAD, LAST), training["bank"])
    assert not cached.heads_first((HEAD, LAST), training["online"])
    assert not cached.heads_first((LAST, HEAD), training["bank"])
    assert cached.heads_first((StageSpec(name="h", release=0, epochs=1),), training["bank"])

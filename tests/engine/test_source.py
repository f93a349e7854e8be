from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from leukolab.base.streams import stream_seed
from leukolab.engine import views
from leukolab.engine.bank import Bank
from leukolab.engine.network import Classifier
from leukolab.engine.pixels import to_input
from leukolab.engine.source import ActivationSource, PixelSource, PooledSource, Source, fed_ahead, shown_views
from leukolab.engine.training import Training
from leukolab.spec import AugmentSpec, StageSpec, TrainingSpec

MakeTraining = Callable[..., Training]
BankFor = Callable[..., Bank]
BANK = TrainingSpec(batch_size=6, augment=AugmentSpec(flip_horizontal=True, brightness=0.3, views=3))
ONLINE = TrainingSpec(batch_size=6, augment=AugmentSpec(brightness=0.4, views="online"))
STAGE = StageSpec(name="fine", release="last_stage", epochs=6)
ROWS = np.array([7, 2, 19, 2, 11])


def by_hand(network: Classifier, training: Training, epoch: int) -> torch.Tensor:
    """The pixels of ROWS, each image in the view of the bank that this epoch shows."""
    shown = views.view_of_epoch(stream_seed(training.seed, "fine"), 24, 3, epoch)
    pieces = []
    for row in ROWS:
        drawn = views.draw(training.settings.augment, 24, training.view_seed, f"view {shown[row]}")
        pieces.append(views.changed(training.images.pixels[[row]], drawn[np.array([row])]))
    return to_input(np.concatenate(pieces), network, "cpu")


def all_sources(network: Classifier, training: Training, bank: Bank) -> dict[str, Source]:
    return {
        "pixels": PixelSource(network, training, frozen=False),
        "frozen pixels": PixelSource(network, training, frozen=True),
        "pooled": PooledSource(bank, training),
        "activations": ActivationSource(bank, network, training),
    }


@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_every_source_shows_the_same_images_in_the_same_views(
    epoch: int, network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    training = make_training(settings=BANK, stages=(STAGE,))
    with torch.inference_mode():
        expected = network.eval().features(by_hand(network, training, epoch))
        plain = network.features(to_input(training.images.pixels[ROWS], network, "cpu"))
        assert (expected - plain).abs().max() > 0.1 * plain.std()
        for name, source in all_sources(network, training, bank_for(network, training, 1)).items():
            for inputs, right in ((source.inputs(ROWS, STAGE, epoch), expected), (source.plain(ROWS), plain)):
                features = source.features(inputs)
                assert features.shape == right.shape
                assert features.dtype == torch.float32
                assert (features - right).abs().max() < 1e-2 * right.std(), name


def test_what_learns_is_on_the_way_of_each_source(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    """Moving the last stage moves what comes out of sources that run it, and of no other."""
    training = make_training(settings=BANK, stages=(STAGE,))
    sources = all_sources(network, training, bank_for(network, training, 1))
    moved = {}
    with torch.inference_mode():
        network.eval()
        inputs = {name: source.inputs(ROWS, STAGE, 0) for name, source in sources.items()}
        before = {name: sources[name].features(inputs[name]) for name in sources}
        network.backbone.bn2.weight *= 2  # type: ignore[union-attr, operator]
        for name in sources:
            moved[name] = not torch.allclose(sources[name].features(inputs[name]), before[name], rtol=0.1)
    assert moved == {"pixels": True, "frozen pixels": False, "pooled": False, "activations": True}


def test_an_online_view_differs_from_epoch_to_epoch(network: Classifier, make_training: MakeTraining) -> None:
    training = make_training(settings=ONLINE)
    rows = np.arange(16)

    def shown(epoch: int, seed: int = 11) -> np.ndarray:
        source = PixelSource(network, make_training(settings=ONLINE, seed=seed), frozen=False)
        return source.inputs(rows, training.stages[0], epoch).numpy()

    assert np.array_equal(shown(0), shown(0))
    assert not np.allclose(shown(0), shown(1), atol=0.05)
    assert not np.allclose(shown(0), shown(0, seed=12), atol=0.05)


def test_a_bank_of_views_is_gone_through_before_one_comes_again(make_training: MakeTraining) -> None:
    training = make_training(settings=BANK)
    shown = np.stack([shown_views(training, STAGE, epoch) for epoch in range(6)])
    assert (np.sort(shown[:3], axis=0) == np.array([[1], [2], [3]])).all()
    assert (np.sort(shown[3:], axis=0) == np.array([[1], [2], [3]])).all()
    short = STAGE.model_copy(update={"epochs": 1})
    assert (shown_views(training, short, 0) == 1).all(), "a stage of one epoch meets one view"
    assert (shown_views(make_training(), STAGE, 0) == 0).all(), "without changes the plain view is shown"


def test_batches_come_with_their_inputs_in_order(network: Classifier, make_training: MakeTraining) -> None:
    training = make_training(settings=BANK)
    source = PixelSource(network, training, frozen=False)
    batches = [np.array([3, 1]), np.array([2]), np.array([9, 8, 7])]
    for epoch in (None, (STAGE, 2)):
        fed = list(fed_ahead(source, training, batches, epoch))
        assert [rows.tolist() for rows, _ in fed] == [rows.tolist() for rows in batches]
        for rows, inputs in fed:
            expected = source.plain(rows) if epoch is None else source.inputs(rows, *epoch)
            assert torch.equal(inputs, expected)


def test_activations_need_a_cut(network: Classifier, make_training: MakeTraining, bank_for: BankFor) -> None:
    training = make_training()
    with pytest.raises(ValueError, match="cannot be cut here"):
        ActivationSource(bank_for(network, training), network, training)

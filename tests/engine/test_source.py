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
from leukolab.engine.reference import Task
from leukolab.engine.source import ActivationSource, PixelSource, PooledSource, Source, in_order, shown_views
from leukolab.spec import AugmentSpec, StageSpec, TrainingSpec

MakeTask = Callable[..., Task]
BankFor = Callable[..., Bank]
BANK = TrainingSpec(batch_size=6, augment=AugmentSpec(flip_horizontal=True, brightness=0.3, views=3))
ONLINE = TrainingSpec(batch_size=6, augment=AugmentSpec(brightness=0.4, views="online"))
STAGE = StageSpec(name="fine", release="last_stage", epochs=6)
ROWS = np.array([7, 2, 19, 2, 11])


def by_hand(network: Classifier, task: Task, epoch: int) -> torch.Tensor:
    """The pixels of ROWS, each image in the view of the bank that this epoch shows."""
    shown = views.view_of_epoch(stream_seed(task.seed, "fine"), 24, 3, epoch)
    pieces = []
    for row in ROWS:
        drawn = views.draw(task.training.augment, 24, task.view_seed, f"view {shown[row]}")
        pieces.append(views.changed(task.images.pixels[[row]], drawn[np.array([row])]))
    return to_input(np.concatenate(pieces), network, "cpu")


def all_sources(network: Classifier, task: Task, bank: Bank) -> dict[str, Source]:
    return {
        "pixels": PixelSource(network, task, frozen=False),
        "frozen pixels": PixelSource(network, task, frozen=True),
        "pooled": PooledSource(bank, task),
        "activations": ActivationSource(bank, network, task),
    }


@pytest.mark.parametrize("epoch", [0, 1, 4])
def test_every_source_shows_the_same_images_in_the_same_views(
    epoch: int, network: Classifier, make_task: MakeTask, bank_for: BankFor
) -> None:
    task = make_task(training=BANK, stages=(STAGE,))
    with torch.inference_mode():
        expected = network.eval().features(by_hand(network, task, epoch))
        plain = network.features(to_input(task.images.pixels[ROWS], network, "cpu"))
        assert (expected - plain).abs().max() > 0.1 * plain.std()
        for name, source in all_sources(network, task, bank_for(network, task, 1)).items():
            for inputs, right in ((source.inputs(ROWS, STAGE, epoch), expected), (source.plain(ROWS), plain)):
                features = source.features(inputs)
                assert features.shape == right.shape
                assert features.dtype == torch.float32
                assert (features - right).abs().max() < 1e-2 * right.std(), name


def test_what_learns_is_on_the_way_of_each_source(network: Classifier, make_task: MakeTask, bank_for: BankFor) -> None:
    """Moving the last stage moves what comes out of sources that run it, and of no other."""
    task = make_task(training=BANK, stages=(STAGE,))
    sources = all_sources(network, task, bank_for(network, task, 1))
    moved = {}
    with torch.inference_mode():
        network.eval()
        inputs = {name: source.inputs(ROWS, STAGE, 0) for name, source in sources.items()}
        before = {name: sources[name].features(inputs[name]) for name in sources}
        network.backbone.bn2.weight *= 2  # type: ignore[union-attr, operator]
        for name in sources:
            moved[name] = not torch.allclose(sources[name].features(inputs[name]), before[name], rtol=0.1)
    assert moved == {"pixels": True, "frozen pixels": False, "pooled": False, "activations": True}


def test_an_online_view_differs_from_epoch_to_epoch(network: Classifier, make_task: MakeTask) -> None:
    task = make_task(training=ONLINE)
    rows = np.arange(16)

    def shown(epoch: int, seed: int = 11) -> np.ndarray:
        source = PixelSource(network, make_task(training=ONLINE, seed=seed), frozen=False)
        return source.inputs(rows, task.stages[0], epoch).numpy()

    assert np.array_equal(shown(0), shown(0))
    assert not np.allclose(shown(0), shown(1), atol=0.05)
    assert not np.allclose(shown(0), shown(0, seed=12), atol=0.05)


def test_a_bank_of_views_is_gone_through_before_one_comes_again(make_task: MakeTask) -> None:
    task = make_task(training=BANK)
    shown = np.stack([shown_views(task, STAGE, epoch) for epoch in range(6)])
    assert (np.sort(shown[:3], axis=0) == np.array([[1], [2], [3]])).all()
    assert (np.sort(shown[3:], axis=0) == np.array([[1], [2], [3]])).all()
    short = STAGE.model_copy(update={"epochs": 1})
    assert (shown_views(task, short, 0) == 1).all(), "a stage of one epoch meets one view"
    assert (shown_views(make_task(), STAGE, 0) == 0).all(), "without changes the plain view is shown"


def test_batches_come_with_their_inputs_in_order(network: Classifier, make_task: MakeTask) -> None:
    task = make_task(training=BANK)
    source = PixelSource(network, task, frozen=False)
    batches = [np.array([3, 1]), np.array([2]), np.array([9, 8, 7])]
    for epoch in (None, (STAGE, 2)):
        fed = list(in_order(source, task, batches, epoch))
        assert [rows.tolist() for rows, _ in fed] == [rows.tolist() for rows in batches]
        for rows, inputs in fed:
            expected = source.plain(rows) if epoch is None else source.inputs(rows, *epoch)
            assert torch.equal(inputs, expected)


def test_activations_need_a_cut(network: Classifier, make_task: MakeTask, bank_for: BankFor) -> None:
    task = make_task()
    with pytest.raises(ValueError, match="cannot be cut here"):
        ActivationSource(bank_for(network, task), network, task)

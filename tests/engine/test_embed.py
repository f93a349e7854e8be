from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leukolab.engine.embed import FrozenFeatures, Images, logits_of, probabilities, to_input
from leukolab.engine.network import Classifier, build
from leukolab.engine.reference import Task, called
from leukolab.spec import AugmentSpec, TrainingSpec

FLIPS = TrainingSpec(augment=AugmentSpec(flip_horizontal=True, brightness=0.2, views=3))


def test_pixels_are_normalised_as_the_weights_want(network: Classifier, images: Images) -> None:
    inputs = to_input(images.pixels[:2], network, "cpu", None)
    assert inputs.shape == (2, 3, 32, 32)
    assert inputs.dtype == torch.float32
    mean, deviation = np.array(network.weights.mean), np.array(network.weights.deviation)
    by_hand = (images.pixels[1, 5, 9] / 255 - mean) / deviation
    assert np.allclose(inputs[1, :, 5, 9].numpy(), by_hand, atol=1e-6)


def test_kept_features_are_those_of_the_network(
    network: Classifier, images: Images, make_task: Callable[..., Task], frozen_for: Callable[..., FrozenFeatures]
) -> None:
    kept = frozen_for(network, make_task())
    features = kept.view(0)
    assert features.dtype == np.float16
    assert features.shape == (24, network.head.in_features)
    with torch.inference_mode():
        direct = network.eval().features(to_input(images.pixels, network, "cpu", None)).numpy()
    assert np.allclose(features, direct, rtol=2e-3, atol=2e-3)


def test_features_are_computed_once_and_read_afterwards(
    network: Classifier,
    make_task: Callable[..., Task],
    frozen_for: Callable[..., FrozenFeatures],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = frozen_for(network, make_task())
    first = np.array(kept.view(1))

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(Classifier, "features", never)
    assert (kept.view(1) == first).all()


def test_features_are_kept_apart_wherever_they_would_differ(
    network: Classifier, make_task: Callable[..., Task], frozen_for: Callable[..., FrozenFeatures], tmp_path: Path
) -> None:
    base = frozen_for(network, make_task(training=FLIPS))
    weights = network.weights

    def with_network(other: Classifier) -> FrozenFeatures:
        return replace(base, network=other)

    def retuned(**given: object) -> Classifier:
        other = build(network.model, 2, 5)
        other.weights = replace(weights, **given)  # type: ignore[arg-type]
        return other

    pooled = build(network.model.model_copy(update={"pooling": "max"}), 2, 5)
    assert pooled.weights.digest == weights.digest
    others = [
        with_network(pooled),
        with_network(retuned(mean=(0.1, 0.1, 0.1))),
        with_network(retuned(deviation=(0.1, 0.1, 0.1))),
        with_network(retuned(digest="other")),
        replace(base, images=replace(base.images, key="other")),
        replace(base, runtime=base.runtime.model_copy(update={"precision": "bfloat16"})),
        replace(base, seed=8),
        replace(base, augment=AugmentSpec(flip_horizontal=True, brightness=0.3, views=3)),
    ]
    assert len({kept.key(1) for kept in [base, *others]}) == 9
    assert base.key(1) != base.key(2)
    larger = replace(base, augment=base.augment.model_copy(update={"views": 8}))
    assert larger.key(1) == base.key(1)
    assert replace(base, seed=8).key(0) == base.key(0)


def test_a_damaged_file_of_features_is_made_anew(
    network: Classifier, make_task: Callable[..., Task], frozen_for: Callable[..., FrozenFeatures]
) -> None:
    kept = frozen_for(network, make_task())
    first, path = np.array(kept.view(0)), kept.home / "features" / f"{kept.key(0)}.npy"
    path.write_bytes(path.read_bytes()[:-100])
    assert (kept.view(0) == first).all()


def test_logits_do_not_depend_on_how_images_are_batched(network: Classifier, images: Images) -> None:
    from leukolab.spec import RuntimeSpec

    rows = np.array([5, 3, 20, 3])
    one = logits_of(network, images, rows, RuntimeSpec(device="cpu", precision="float32", evaluation_batch_size=1))
    all_at_once = logits_of(network, images, rows, RuntimeSpec(device="cpu", precision="float32"))
    assert torch.allclose(one, all_at_once, atol=1e-5)
    assert torch.equal(all_at_once[1], all_at_once[3])
    assert logits_of(network, images, np.empty(0, np.int64), RuntimeSpec(device="cpu")).shape == (0, 1)


def test_probabilities_of_both_heads() -> None:
    sigmoid = probabilities(torch.tensor([[0.0], [2.0], [-200.0]]))
    assert sigmoid.dtype == np.float32
    assert sigmoid[0].tolist() == [0.5, 0.5]
    assert np.allclose(sigmoid[1], [1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])
    assert (sigmoid >= 0).all()
    assert np.allclose(sigmoid.sum(axis=1), 1)
    softmax = probabilities(torch.tensor([[0.0, 0.0, np.log(2)]]))
    assert np.allclose(softmax, [[0.25, 0.25, 0.5]])


def test_a_half_is_class_one() -> None:
    assert called(torch.tensor([[0.0], [-1e-6], [1e-6]])).tolist() == [1, 0, 1]
    assert called(torch.tensor([[0.0, 1.0, -1.0]])).tolist() == [1]


def test_features_beyond_their_kind_of_number_are_cut_off(
    network: Classifier, make_task: Callable[..., Task], frozen_for: Callable[..., FrozenFeatures]
) -> None:
    with torch.no_grad():
        network.backbone.bn2.weight *= 1e30  # type: ignore[union-attr, operator]
    assert np.abs(frozen_for(network, make_task()).view(0)).max() == np.finfo(np.float16).max

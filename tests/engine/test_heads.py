"""What is particular to heads trained together; `tests/parity` holds them to each alone and to the plain loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from leukolab.base.errors import TrainingError
from leukolab.base.findings import Finding
from leukolab.engine import checkpoint
from leukolab.engine.bank import Bank
from leukolab.engine.heads import train_heads
from leukolab.engine.network import Classifier, fresh_head
from leukolab.engine.training import RolePart, Training
from leukolab.spec import StageSpec, TrainingSpec

MakeTraining = Callable[..., Training]
BankFor = Callable[..., Bank]


@pytest.fixture
def bank(network: Classifier, make_training: MakeTraining, bank_for: BankFor) -> Bank:
    return bank_for(network, make_training())


def test_the_loss_of_each_head_is_the_weighted_mean_over_its_batches(make_training: MakeTraining, bank: Bank) -> None:
    """With learning rates next to nothing every step sees the same head, so the epoch's loss is by hand."""
    stage = StageSpec(name="s", epochs=1)
    trainings = []
    for number, size in enumerate((16, 13, 5)):
        parts = make_training().parts | {"train": RolePart(np.arange(size), np.ones(size, np.int64))}
        weights = np.array([0.5, 3.0 + number])
        trainings.append(
            make_training(seed=number, parts=parts, class_weights=weights, learning_rate=1e-30, stages=(stage,))
        )
    features = torch.from_numpy(bank.pooled(np.arange(24), np.zeros(24, np.int64))).float()
    for training, standing in zip(trainings, train_heads(trainings, lambda _: bank, 1, 0.0), strict=True):
        labels = torch.from_numpy(training.labels)
        with torch.inference_mode():
            logits = fresh_head(bank.width, 1, training.seed)(features)[:, 0]
        losses = functional.binary_cross_entropy_with_logits(logits, labels.float(), reduction="none")
        rows, (row,) = training.parts["train"].rows, standing.history
        weighted = torch.from_numpy(training.class_weights)[labels] * losses
        assert row["loss"] == pytest.approx(float(weighted[rows].mean()), rel=1e-5)
        assert row["accuracy"] == pytest.approx(float(((logits >= 0) == labels)[rows].float().mean()))
        assert row["val_loss"] == pytest.approx(float(losses[16:].mean()), rel=1e-5)


def test_each_head_ends_at_its_best_epoch_and_waits_for_no_other(make_training: MakeTraining, bank: Bank) -> None:
    stages = (StageSpec(name="s", epochs=3), StageSpec(name="s", epochs=9, patience=1), StageSpec(name="s", epochs=6))
    trainings = [make_training(seed=n, learning_rate=0.5, stages=(stage,)) for n, stage in enumerate(stages)]
    features = torch.from_numpy(bank.pooled(np.arange(16, 24), np.zeros(8, np.int64))).float()
    standings = train_heads(trainings, lambda _: bank, 1, 0.0)
    assert [len(standing.history) for standing in (standings[0], standings[2])] == [3, 6]
    for standing in standings:
        best = max(standing.history, key=lambda row: (row["val_accuracy"], -float(row["val_loss"])))
        logits = functional.linear(features, standing.learned["head.weight"], standing.learned["head.bias"])
        labels = torch.arange(16, 24) % 2
        loss = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
        assert float(loss) == pytest.approx(float(best["val_loss"]), rel=1e-5)
        assert (standing.stage, standing.epochs, standing.kept, standing.moments) == (1, 0, {}, {})
    rows = standings[1].history
    accuracies = [float(row["val_accuracy"]) for row in rows]
    assert all(later > earlier for earlier, later in pairwise(accuracies[:-1]))
    assert len(rows) == 9 or accuracies[-1] <= accuracies[-2], "it stops after the first epoch of no better accuracy"


def test_a_head_whose_loss_is_not_finite_is_named(make_training: MakeTraining, bank: Bank) -> None:
    trainings = [make_training(name="calm"), make_training(name="wild", learning_rate=3e38)]
    with pytest.raises(TrainingError, match=r"wild: stage head, epoch 1, step 2: expected a finite loss") as caught:
        train_heads(trainings, lambda _: bank, 1, 0.0)
    assert "Try a smaller training.learning_rates=[...]" in str(caught.value)


def test_a_file_of_other_heads_or_a_torn_one_counts_as_absent(
    make_training: MakeTraining, bank: Bank, tmp_path: Path
) -> None:
    path, trainings = tmp_path / "heads.safetensors", [make_training(seed=n) for n in range(3)]
    expected = train_heads(trainings, lambda _: bank, 1, 0.0)
    train_heads(trainings[:2], lambda _: bank, 1, 0.0, path)
    two = checkpoint.load_all(path)
    assert two is not None
    assert len(two) == 2
    for harm in (lambda: None, lambda: path.write_bytes(path.read_bytes()[:-9])):
        harm()
        found = train_heads(trainings, lambda _: bank, 1, 0.0, path)
        for one, other in zip(found, expected, strict=True):
            assert all(torch.equal(one.learned[name], other.learned[name]) for name in other.learned)


def test_every_tenth_epoch_is_told(make_training: MakeTraining, bank: Bank) -> None:
    told: list[Finding] = []
    trainings = [
        make_training(seed=n, stages=(StageSpec(name="s", epochs=epochs),)) for n, epochs in enumerate((10, 21))
    ]
    train_heads(trainings, lambda _: bank, 1, 0.0, tell=told.append)
    assert [(one.code, one.values["epoch"], one.values["heads"]) for one in told] == [
        ("progress.heads", 10, 2),
        ("progress.heads", 20, 1),
    ]


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("samples", [(97, 98), (101, 103), (111, 111), (126, 127)])
def test_a_head_is_the_same_to_the_last_bit_whoever_is_beside_it(
    samples: tuple[int, int], outputs: int, make_training: MakeTraining, bank: Bank
) -> None:
    """The last batch of an epoch is short: 1, 5, 15 or 30 of 32."""

    def training(seed: int, count: int) -> Training:
        copies = np.full(16, count // 16) + (np.arange(16) < count % 16)
        parts = make_training().parts | {"train": RolePart(np.arange(16), copies)}
        return make_training(
            seed=seed, parts=parts, class_weights=np.linspace(0.8, 1.3, max(outputs, 2)), learning_rate=0.01,
            settings=TrainingSpec(batch_size=32), stages=(StageSpec(name="s", epochs=8),),
        )  # fmt: skip

    for seed in range(3):
        mine, others = training(seed, samples[0]), [training(10 + number, samples[1]) for number in range(5)]
        (alone,) = train_heads([mine], lambda _: bank, outputs, 0.3)
        for place, company in ((1, [others[0], mine]), (3, [*others[:3], mine, *others[3:]])):
            standing = train_heads(company, lambda _: bank, outputs, 0.3)[place]
            for name, tensor in alone.learned.items():
                assert torch.equal(standing.learned[name], tensor), (seed, len(company), name)

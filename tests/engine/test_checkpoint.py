from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leukolab.base.errors import StorageError
from leukolab.engine import checkpoint
from leukolab.engine.checkpoint import Standing
from leukolab.engine.network import Classifier
from leukolab.engine.resume import train_from
from leukolab.engine.source import PixelSource
from leukolab.engine.training import Training
from leukolab.spec import StageSpec

ROW: dict[str, float | str] = {"stage": "head", "epoch": 1, "val_accuracy": 0.7, "val_loss": 0.1}


def standing() -> Standing:
    learned = {"head.bias": torch.tensor([1.5, -2.0]), "backbone.bn.num_batches_tracked": torch.tensor(7)}
    moments = {"0/step": torch.tensor(3.0), "0/exp_avg": torch.zeros(2, 3)}
    kept = {"head.bias": torch.tensor([float("inf"), 0.0]), "half": torch.ones(3, dtype=torch.bfloat16)}
    return Standing(1, 4, (0.7, -0.1), 2, [ROW], learned, kept, moments)


def same(one: Standing, other: Standing) -> bool:
    states = [(getattr(one, name), getattr(other, name)) for name in checkpoint.STATES]
    facts = all(getattr(one, name) == getattr(other, name) for name in checkpoint.FACTS)
    return facts and all(
        ours.keys() == theirs.keys()
        and all(torch.equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)
        for ours, theirs in states
    )


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "standing.safetensors"
    checkpoint.save(path, standing())
    found = checkpoint.load(path)
    assert found is not None
    assert same(found, standing())
    several = [Standing(), standing(), Standing(best=(0.5, -1.0))]
    checkpoint.save_all(path, several)
    again = checkpoint.load_all(path)
    assert again is not None
    assert [same(one, other) for one, other in zip(again, several, strict=True)] == [True] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["standing.safetensors"]


def test_without_a_file_there_is_no_standing(tmp_path: Path) -> None:
    checkpoint.save(None, standing())
    assert checkpoint.load(None) is None
    assert checkpoint.load(tmp_path / "none") is None
    assert list(tmp_path.iterdir()) == []


def test_a_torn_file_counts_as_absent(tmp_path: Path) -> None:
    """Wherever it ends, and wherever in it a bit is another."""
    path = tmp_path / "standing.safetensors"
    checkpoint.save(path, standing())
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert checkpoint.load(path) is None, f"cut at {length}"
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert checkpoint.load(path) is None, f"byte {place}"
    path.write_bytes(whole)
    assert checkpoint.load(path) is not None


def test_a_training_whose_file_is_torn_begins_anew(
    network: Classifier, make_training: Callable[..., Training], tmp_path: Path
) -> None:
    path, told = tmp_path / "standing.safetensors", []  # type: ignore[var-annotated]
    training = make_training(tell=told.append)
    first = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def trained() -> bytes:
        network.load_state_dict(first)
        found = train_from(network, training, lambda _: PixelSource(network, training, frozen=True), path)
        return found.predictions["validation"].tobytes()

    whole = trained()
    assert len(told) == 2
    assert trained() == whole
    assert len(told) == 2, "what is finished is not trained again"
    path.write_bytes(path.read_bytes()[:-9])
    assert trained() == whole
    assert len(told) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_a_full_disk_is_one_sentence_and_the_last_standing_stays(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "standing.safetensors"
    checkpoint.save(path, standing())
    large = Standing(learned={"much": torch.zeros(1_000_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="no space left on this disk"):
            checkpoint.save(path, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    found = checkpoint.load(path)
    assert found is not None
    assert same(found, standing())
    assert list(tmp_path.iterdir()) == [path]


def test_an_epoch_is_the_best_by_accuracy_then_by_lower_loss() -> None:
    before = Standing()
    for accuracy, loss, waited, best in (
        (0.0, 5.0, 0, (0.0, -5.0)),
        (0.5, 9.0, 0, (0.5, -9.0)),
        (0.5, 9.0, 1, (0.5, -9.0)),
        (0.4, 0.1, 2, (0.5, -9.0)),
        (0.5, 8.0, 3, (0.5, -8.0)),
        (0.6, 9.9, 0, (0.6, -9.9)),
    ):
        after = before.after(ROW | {"val_accuracy": accuracy, "val_loss": loss})
        assert (after.waited, after.best) == (waited, best)
        assert after.epochs == len(after.history) == before.epochs + 1
        before = after


def test_patience_runs_out_after_so_many_epochs_without_a_better_one() -> None:
    patient, eager = StageSpec(name="s", epochs=9), StageSpec(name="s", epochs=9, patience=2)
    assert [Standing(waited=waited).waited_out(eager) for waited in range(4)] == [False, False, True, True]
    assert not Standing(waited=99).waited_out(patient)
    assert not Standing(waited=99).waited_out(eager.model_copy(update={"stop": False}))

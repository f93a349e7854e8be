from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leukolab.base import kept, shelf
from leukolab.base.home import Home
from leukolab.engine import views
from leukolab.engine.bank import Bank
from leukolab.engine.cut import cut
from leukolab.engine.network import Classifier, build
from leukolab.engine.pixels import Images, to_input
from leukolab.engine.training import Training
from leukolab.spec import AugmentSpec, TrainingSpec

FLIPS = TrainingSpec(augment=AugmentSpec(flip_horizontal=True, brightness=0.2, views=3))
MakeTraining = Callable[..., Training]
BankFor = Callable[..., Bank]
ROWS = np.arange(24)


def view(number: int, rows: np.ndarray = ROWS) -> np.ndarray:
    return np.full(len(rows), number)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Callable[[Bank], Bank]:
    """The same bank as another process would see it: nothing open, no checksum seen."""

    def make(bank: Bank) -> Bank:
        monkeypatch.setattr(kept, "_PROVED", {})
        monkeypatch.setattr(kept, "_OPEN", OrderedDict())
        return Bank(bank.trunk, bank.images, bank.augment, bank.seed, bank.home, bank.order)

    return make


@pytest.fixture
def spread_out(network: Classifier, bank_for: BankFor, make_training: MakeTraining) -> Bank:
    """300 images of 16 px in shards of 140, 140 and 20."""
    pixels = np.random.default_rng(1).integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
    training = make_training(images=Images(pixels, "many"), settings=FLIPS)
    runtime = training.runtime.model_copy(update={"trunk_batch_size": 140})
    bank = bank_for(network, replace(training, runtime=runtime))
    assert bank.shard_rows == 140
    return bank


@pytest.mark.parametrize("number", [0, 2])
def test_what_is_kept_is_what_the_network_says(
    number: int, network: Classifier, images: Images, make_training: MakeTraining, bank_for: BankFor
) -> None:
    bank = bank_for(network, make_training(settings=FLIPS), 1)
    pixels = images.pixels
    if number:
        pixels = views.changed(pixels, views.draw(FLIPS.augment, 24, 7, f"view {number}"))
    inputs = to_input(pixels, network.eval(), "cpu")
    halves = cut(network, 1)
    assert halves is not None
    with torch.inference_mode():
        pooled = network.features(inputs).numpy()
        activations = halves.lower(inputs).permute(0, 2, 3, 1).numpy()
    read = bank.pooled(ROWS, view(number)), bank.activations(ROWS, view(number))
    for ours, direct in zip(read, (pooled, activations), strict=True):
        assert ours.dtype == np.float16
        assert ours.shape == direct.shape
        assert np.abs(ours - direct).max() < 1e-2 * direct.std()


def test_views_differ(network: Classifier, make_training: MakeTraining, bank_for: BankFor) -> None:
    bank = bank_for(network, make_training(settings=FLIPS))
    plain, one, two = (bank.pooled(ROWS, view(number)).astype(float) for number in range(3))
    for first, second in ((plain, one), (plain, two), (one, two)):
        assert (np.abs(first - second).max(axis=1) > 0.1 * first.std()).mean() > 0.9


def test_what_is_kept_is_computed_once_and_read_afterwards(
    network: Classifier,
    make_training: MakeTraining,
    bank_for: BankFor,
    forgetful: Callable[[Bank], Bank],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bank = bank_for(network, make_training(settings=FLIPS), 1)
    first, below = bank.pooled(ROWS, view(1)), bank.activations(ROWS, view(1))

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(Bank, "_run", never)
    monkeypatch.setitem(bank.__dict__, "_run", never)
    for again in (bank, forgetful(bank)):
        assert np.array_equal(again.pooled(ROWS, view(1)), first)
        assert np.array_equal(again.activations(ROWS, view(1)), below)
        again.fill(1, again.shards(ROWS))
    with pytest.raises(AssertionError, match="computed again"):
        bank.pooled(ROWS, view(2))


def test_banks_are_kept_apart_wherever_they_would_differ(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor, tmp_path: Path
) -> None:
    base = bank_for(network, make_training(settings=FLIPS))
    weights = network.weights

    def with_trunk(**given: object) -> Bank:
        return replace(base, trunk=replace(base.trunk, **given))  # type: ignore[arg-type]

    def retuned(**given: object) -> Bank:
        other = build(network.model, 2, 5)
        other.weights = replace(weights, **given)  # type: ignore[arg-type]
        return with_trunk(network=other)

    def running(**given: object) -> Bank:
        return with_trunk(runtime=base.trunk.runtime.model_copy(update=given))

    pooled = build(network.model.model_copy(update={"pooling": "max"}), 2, 5)
    assert pooled.weights.digest == weights.digest
    others = [
        with_trunk(network=pooled),
        retuned(mean=(0.1, 0.1, 0.1)),
        retuned(deviation=(0.1, 0.1, 0.1)),
        retuned(digest="other"),
        with_trunk(depth=1),
        with_trunk(size_px=48),
        running(precision="bfloat16"),
        running(trunk="openvino"),
        running(trunk_batch_size=6),
        replace(base, images=replace(base.images, key="other")),
    ]
    changed = [
        replace(base, seed=8),
        replace(base, augment=FLIPS.augment.model_copy(update={"brightness": 0.3})),
        replace(base, augment=FLIPS.augment.model_copy(update={"flip_vertical": True})),
    ]
    assert len({bank.key(1) for bank in [base, *others, *changed]}) == 14
    assert len({bank.key(0) for bank in [base, *others]}) == 11
    assert {bank.key(0) for bank in changed} == {base.key(0)}, "the plain view knows no seed and no change"
    assert len({base.key(number) for number in range(4)}) == 4
    same = [
        replace(base, augment=FLIPS.augment.model_copy(update={"views": 8})),
        replace(base, augment=FLIPS.augment.model_copy(update={"bank": "model"})),
        replace(base, home=Home(tmp_path / "elsewhere")),
        running(evaluation_batch_size=3),
    ]
    assert {bank.key(1) for bank in same} == {base.key(1)}


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [cut_short, emptied, flipped, deleted])
@pytest.mark.parametrize("what", ["pooled", "activations"])
def test_a_harmed_shard_is_made_anew(
    harm: Callable[[Path], None],
    what: str,
    network: Classifier,
    make_training: MakeTraining,
    bank_for: BankFor,
    forgetful: Callable[[Bank], Bank],
) -> None:
    bank = bank_for(network, make_training(), 1)
    first = getattr(bank, what)(ROWS, view(0))
    (path,) = [bank.home / name for name in bank.names(0, [0]) if name.endswith(f".{what}")]
    whole = path.read_bytes()
    for asked in ("read", "filled"):
        harm(path)
        again = forgetful(bank)
        if asked == "filled":
            again.fill(0, [0])
        else:
            assert np.array_equal(getattr(again, what)(ROWS, view(0)), first)
        assert path.read_bytes() == whole


def test_a_shard_that_goes_while_the_program_runs_is_made_anew(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor, forgetful: Callable[[Bank], Bank]
) -> None:
    bank = bank_for(network, make_training())
    first = bank.pooled(ROWS, view(0))
    (path,) = [bank.home / name for name in bank.names(0, [0])]
    path.unlink()
    assert np.array_equal(bank.pooled(ROWS, view(0)), first), "who has it open keeps it"
    other = forgetful(bank)
    assert np.array_equal(other.pooled(ROWS, view(0)), first)
    assert path.exists()


def test_a_shard_that_another_program_evicts_at_once_is_kept_the_second_time(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, computed = Bank._compute, []

    def compute(bank: Bank, number: int, shards: list[int]) -> None:
        real(bank, number, shards)
        computed.append(shelf.trim(bank.home, 0))

    monkeypatch.setattr(Bank, "_compute", compute)
    bank = bank_for(network, make_training(), 1)
    pooled = bank.pooled(ROWS, view(0))
    assert all(freed > 0 for freed in computed[::2])
    assert not any(computed[1::2])
    assert pooled.shape == (len(ROWS), bank.width)


def test_only_the_shards_that_are_asked_for_are_made(spread_out: Bank, forgetful: Callable[[Bank], Bank]) -> None:
    def there() -> list[str]:
        return sorted(
            str(path.relative_to(spread_out.home / "features")) for path in spread_out.home.path.rglob("*.pooled")
        )

    rows = np.array([150, 290, 141])
    assert spread_out.shards(rows) == [1, 2]
    spread_out.pooled(rows, view(1, rows))
    assert there() == [f"{spread_out.key(1)}/{shard:06}.pooled" for shard in (1, 2)]
    paths = [spread_out.home / name for name in spread_out.names(1, [1, 2])]
    assert [path.stat().st_size for path in paths] == [140 * 512 + 32, 20 * 512 + 32]
    newest = {path: path.stat().st_ino for path in paths}
    forgetful(spread_out).fill(1, [0, 1, 2])
    assert len(there()) == 3
    assert {path: path.stat().st_ino for path in newest} == newest


def test_views_may_be_kept_in_another_order(spread_out: Bank, forgetful: Callable[[Bank], Bank]) -> None:
    """Images that train together lie together: those that do not train are not computed, and each is still itself."""
    rows = np.arange(0, 300, 3)
    order = np.concatenate([rows, np.setdiff1d(np.arange(300), rows)])
    sorted_bank = replace(spread_out, order=order)
    assert sorted_bank.shards(rows, 1) == [0]
    assert sorted_bank.shards(rows) == spread_out.shards(rows, 1) == [0, 1, 2]
    assert sorted_bank.key(0) == spread_out.key(0)
    assert len({sorted_bank.key(1), spread_out.key(1), replace(spread_out, order=order[::-1]).key(1)}) == 3
    sorted_bank.fill(1, sorted_bank.shards(rows, 1))
    assert len(list((sorted_bank.home / "features" / sorted_bank.key(1)).glob("*.pooled"))) == 1
    shown = np.resize([0, 1, 2], len(rows))
    ours = forgetful(sorted_bank).pooled(rows[::-1], shown).astype(float)
    direct = spread_out.pooled(rows[::-1], shown).astype(float)
    assert np.abs(ours - direct).max() < 1e-2 * direct.std()


def test_rows_come_in_any_order_in_any_views(
    spread_out: Bank, forgetful: Callable[[Bank], Bank], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    everything = np.arange(300)
    whole = np.stack([spread_out.pooled(everything, view(number, everything)) for number in range(3)])
    monkeypatch.setattr(kept, "OPEN_FILES", 2)
    again = forgetful(spread_out)
    for _ in range(5):
        rows, shown = rng.integers(0, 300, 90), rng.integers(0, 3, 90)
        assert np.array_equal(again.pooled(rows, shown), whole[shown, rows])
        assert len(kept._OPEN) == 2, "of all banks of the process together"
    assert again.pooled(np.empty(0, np.int64), np.empty(0, np.int64)).shape == (0, 256)


@pytest.mark.parametrize("depth", [0, 1])
def test_the_last_short_pass_gives_the_same_bytes_as_a_full_one(
    depth: int, network: Classifier, images: Images, make_training: MakeTraining, bank_for: BankFor
) -> None:
    """Passes hold 5 images: of 22 the last two come alone, of 25 in company."""
    more = np.concatenate([images.pixels, images.pixels[:1]])
    few, many = (
        bank_for(network, make_training(images=Images(more[:count], f"first {count}")), depth) for count in (22, 25)
    )
    rows = np.arange(22)
    assert few.pooled(rows, view(0, rows)).tobytes() == many.pooled(rows, view(0, rows)).tobytes()
    assert few.key(0) != many.key(0)
    if depth:
        assert few.activations(rows, view(0, rows)).tobytes() == many.activations(rows, view(0, rows)).tobytes()


def test_values_beyond_their_kind_of_number_are_cut_off(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    with torch.no_grad():
        network.backbone.bn2.weight *= 1e30  # type: ignore[union-attr, operator]
    assert np.abs(bank_for(network, make_training()).pooled(ROWS, view(0))).max() == np.finfo(np.float16).max


def test_without_a_cut_there_are_no_activations(
    network: Classifier, make_training: MakeTraining, bank_for: BankFor
) -> None:
    with pytest.raises(ValueError, match="made without a cut"):
        bank_for(network, make_training()).activations(ROWS, view(0))

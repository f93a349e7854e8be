"""Features of frozen layers: means and deviations over the cell as NumPy computes them, kept and made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from timm import get_pretrained_cfg

from leukolab.base.errors import SpecError
from leukolab.base.home import Home
from leukolab.engine.embed.kept import SHARD, FeatureBank, scaled, seen
from leukolab.engine.embed.layers import LayerReader, layer_reader
from leukolab.engine.embed.readers import HandcraftedReader, reader_of
from leukolab.images import decode, pack
from leukolab.images.crops import cell_square
from leukolab.images.handcrafted import FAMILIES, measure
from leukolab.images.shifts import colour, focus, stain
from leukolab.methods import load_method
from leukolab.spec import ChangeSpec, CropSpec, HandcraftedFeatures, MethodSpec, NetworkFeatures

SPEC = NetworkFeatures(
    backbone="tf_efficientnet_lite0", weights="none", layers=("blocks.1", "blocks.3"), over="cell",
    crop=CropSpec(edge_px=48, about="cell", size_px=64),
)  # fmt: skip


HAND = HandcraftedFeatures(handcrafted=tuple(FAMILIES), crop=CropSpec(edge_px=48, about="cell", size_px=48))


@pytest.fixture(scope="module")
def reader() -> LayerReader:
    return layer_reader(SPEC, 3)


@pytest.fixture
def bank(reader: LayerReader, two_class: Path, home: Home) -> FeatureBank:
    paths = sorted(two_class.rglob("*.png"))
    return FeatureBank(reader, pack(paths, [path.name for path in paths], 48, 48, home, about_cell=True), home)


def test_each_channel_is_its_mean_and_deviation_over_the_cell(reader: LayerReader) -> None:
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    pixels[0, 16:48, 16:48], pixels[1, :, :32] = (120, 60, 140), (90, 80, 200)
    found = reader(pixels)
    assert found.shape == (2, 2 * (24 + 80))
    maps: list[np.ndarray] = []
    hook = reader.module.backbone.get_submodule("blocks.1").register_forward_hook(
        lambda _, __, out: maps.append(out.numpy())
    )
    mean = torch.tensor(reader.weights.mean).view(1, 3, 1, 1)
    deviation = torch.tensor(reader.weights.deviation).view(1, 3, 1, 1)
    with torch.inference_mode():
        reader.module.backbone((torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()).float() / 255 - mean) / deviation)
    hook.remove()
    cell = (pixels.max(axis=3) > 12).reshape(2, 16, 4, 16, 4).mean(axis=(2, 4))
    for image in range(2):
        values = maps[0][image].reshape(24, -1)
        average = np.average(values, axis=1, weights=cell[image].ravel())
        spread = np.sqrt(np.average((values - average[:, None]) ** 2, axis=1, weights=cell[image].ravel()))
        assert found[image, :24] == pytest.approx(average, abs=1e-4)
        assert found[image, 24:48] == pytest.approx(spread, abs=1e-4)


def test_an_image_without_a_cell_is_summed_up_whole(reader: LayerReader) -> None:
    assert np.isfinite(reader(np.zeros((1, 64, 64, 3), np.uint8))).all()


def test_no_image_depends_on_its_company(bank: FeatureBank) -> None:
    everything = bank.read()
    alone = bank.reader(np.concatenate([scaled(bank.images.array[5], 64)[None], np.zeros((15, 64, 64, 3), np.uint8)]))
    assert np.array_equal(everything[5], alone[0])
    assert len(everything) == len(bank.images.image_ids)


def test_damaged_shards_are_made_anew(bank: FeatureBank) -> None:
    before = bank.read()
    data = bytearray(bank.path(0).read_bytes())
    data[100] ^= 1
    bank.path(0).write_bytes(bytes(data))
    assert np.array_equal(bank.read(), before)
    bank.path(0).write_bytes(b"")
    bank.fill(list(range(bank.shards)))
    assert bank.path(0).stat().st_size == before[:SHARD].nbytes + 32
    assert np.array_equal(bank.read(), before)


def test_other_pixels_weights_or_layers_are_other_features(bank: FeatureBank, two_class: Path, home: Home) -> None:
    other = layer_reader(SPEC, 4)
    assert FeatureBank(other, bank.images, home).key != bank.key
    fewer = layer_reader(SPEC.model_copy(update={"layers": ("blocks.1",)}), 3)
    assert FeatureBank(fewer, bank.images, home).key != bank.key
    paths = sorted(two_class.rglob("*.png"))
    whole = pack(paths, [path.name for path in paths], 48, 48, home)
    assert FeatureBank(bank.reader, whole, home).key != bank.key


def test_an_unknown_layer_is_named_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"has no 'block\.1'\. Did you mean 'blocks\.1'"):
        layer_reader(SPEC.model_copy(update={"layers": ("block.1",)}))


def test_the_square_about_a_cell_holds_it_in_the_middle_on_black(two_class: Path) -> None:
    image = np.zeros((90, 120, 3), np.uint8)
    image[10:30, 70:100] = (100, 50, 120)
    square = cell_square(image, 48)
    assert square.shape == (48, 48, 3)
    inside = np.argwhere(square.any(axis=2))
    assert (inside.min(axis=0) + inside.max(axis=0)).tolist() == [47, 47]
    assert (inside.max(axis=0) - inside.min(axis=0)).tolist() == [19, 29]
    drawn = decode(next(two_class.rglob("*.png")))
    assert cell_square(drawn, 48).any()
    assert np.array_equal(cell_square(np.zeros((20, 20, 3), np.uint8), 20), np.zeros((20, 20, 3), np.uint8))


def test_openvino_gives_the_same_numbers_and_another_key(bank: FeatureBank) -> None:
    pytest.importorskip("openvino")
    pixels = np.stack([scaled(one, 64) for one in bank.images.array[:16]])
    other = layer_reader(SPEC, 3, "openvino", 1)
    spread = bank.reader(pixels).std()
    assert np.abs(other(pixels) - bank.reader(pixels)).max() < 1e-3 * spread
    assert np.array_equal(other(pixels), other(pixels))
    assert FeatureBank(other, bank.images, bank.home).key != bank.key


def test_one_summary_is_part_of_the_whole(reader: LayerReader) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (2, 48, 48, 3), np.uint8)
    whole, layers = reader(pixels), len(SPEC.layers)
    means = layer_reader(SPEC.model_copy(update={"summary": ("mean",)}), 3)(pixels)
    deviations = layer_reader(SPEC.model_copy(update={"summary": ("deviation",)}), 3)(pixels)
    assert layers == 2
    assert sorted(np.concatenate([means, deviations], axis=1)[0].tolist()) == sorted(whole[0].tolist())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["baby_2022_voting", "ahmed_2023_fusion"])
def test_a_cited_system_is_built_at_its_published_size(name: str) -> None:
    method = load_method(name)
    assert isinstance(method, MethodSpec)
    pixels = np.random.default_rng(4).integers(1, 256, (1, 224, 224, 3), np.uint8)
    widths = []
    for one in method.features:
        found = layer_reader(one.model_copy(update={"weights": "none"}), 3)(pixels)
        assert np.isfinite(found).all()
        assert get_pretrained_cfg(one.backbone).hf_hub_id
        widths.append(found.shape[1])
    published = {
        "baby_2022_voting": [1280, 1280, 1408, 1536, 1792, 2048, 2304, 2560],
        "ahmed_2023_fusion": [1024, 2048, 1024],
    }
    assert widths == published[name]


def test_handcrafted_features_are_kept_as_those_of_layers_are(bank: FeatureBank) -> None:
    hand = FeatureBank(reader_of(HAND, threads=2), bank.images, bank.home)
    found = hand.read()
    assert found.shape == (len(bank.images.image_ids), len(hand.reader.columns))
    assert np.array_equal(found[7], measure(bank.images.array[7]))
    assert hand.key != bank.key
    fewer = HAND.model_copy(update={"handcrafted": ("size",)})
    assert FeatureBank(reader_of(fewer), bank.images, bank.home).key != hand.key
    assert np.array_equal(found, FeatureBank(HandcraftedReader(HAND, 1), bank.images, bank.home).read())
    assert hand.seconds_left() == 0.0


def test_changes_are_dealt_out_to_images_in_turn(bank: FeatureBank) -> None:
    changes = (ChangeSpec(colour=1), ChangeSpec(), ChangeSpec(focus=1, stain=0.2))
    plain = FeatureBank(reader_of(HAND), bank.images, bank.home).read()
    dealt = FeatureBank(reader_of(HAND.model_copy(update={"changed": changes})), bank.images, bank.home)
    found = dealt.read()
    chroma = [one.name for one in HandcraftedReader(HAND, 1).columns].index("chroma mean")
    assert found[::3, chroma] == pytest.approx(0, abs=0.01)
    assert plain[::3, chroma].min() > 5
    assert np.array_equal(found[1::3], plain[1::3])
    blurred = focus(stain(bank.images.array[2], 0.2), 1)
    assert np.array_equal(found[2], measure(blurred))
    other = FeatureBank(reader_of(HAND.model_copy(update={"changed": changes[:1]})), bank.images, bank.home)
    assert other.key != dealt.key


def test_layers_see_changed_pixels_too(bank: FeatureBank) -> None:
    grey = reader_of(bank.reader.spec.model_copy(update={"changed": (ChangeSpec(colour=1),)}), 3)
    found = FeatureBank(grey, bank.images, bank.home).read()
    square = colour(bank.images.array[0], 1)
    assert found[0] == pytest.approx(bank.reader(seen(square, bank.reader.spec)[None])[0], abs=1e-5)
    assert not np.allclose(found, bank.read(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("summary", [("mean", "deviation"), ("deviation",)])
def test_every_number_of_a_layer_has_its_name(summary: tuple[str, ...]) -> None:
    reader = reader_of(SPEC.model_copy(update={"summary": summary}), 3)
    assert len(reader.columns) == reader(np.zeros((1, 64, 64, 3), np.uint8)).shape[1]
    assert (reader.columns[0].family, reader.columns[0].name) == ("blocks.1", f"{summary[0]} 0")
    assert (reader.columns[-1].family, reader.columns[-1].name) == ("blocks.3", "deviation 79")

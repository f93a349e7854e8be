"""The network: a timm backbone with pooling, dropout and a dense head, and which of its stages are released."""

from __future__ import annotations

import torch
from timm.models import group_parameters
from torch import nn

from leukolab.base.errors import SpecError, WeightsError
from leukolab.base.streams import stream_seed
from leukolab.engine.weights import State, Weights, load_backbone
from leukolab.spec import ModelSpec


class Classifier(nn.Module):
    """Pixels (n, 3, h, w) to logits (n, outputs); outputs is 1 for a sigmoid head, else the classes."""

    def __init__(self, backbone: nn.Module, features: int, outputs: int, model: ModelSpec, weights: Weights) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(features, outputs)
        self.weights = weights
        self.model = model

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features (n, d)."""
        pooled: torch.Tensor = self.backbone(pixels)
        return pooled

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (n, outputs) in float32 from pooled features (n, d)."""
        logits: torch.Tensor = self.head(self.dropout(features.float()))
        return logits

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (n, outputs)."""
        return self.classify(self.features(pixels))


def build(model: ModelSpec, classes: int, seed: int, head_seed: int | None = None) -> Classifier:
    """A network with its weights loaded and a fresh head drawn from `head_seed` (from `seed` where None).

    Jobs of one study share `seed`, so that where weights are drawn at random (`none`) all begin from the same backbone.

    Raises:
        SpecError: a sigmoid head with another number of classes than two.
        WeightsError: the weights are not to be had.
    """
    if model.head == "sigmoid" and classes != 2:
        raise SpecError(f"model.head: a sigmoid head has two classes, the data have {classes}. Use 'softmax'.")
    backbone, weights = load_backbone(model, stream_seed(seed, "backbone"))
    torch.manual_seed(stream_seed(seed if head_seed is None else head_seed, "head"))
    return _assemble(backbone, model, classes, weights)


def restore(model: ModelSpec, classes: int, weights: Weights, states: tuple[State, ...]) -> Classifier:
    """A network as a run left it: the frozen backbone and what learned on top, given as two states.

    Raises:
        WeightsError: a tensor is missing or of another shape.
    """
    backbone, _ = load_backbone(model.model_copy(update={"weights": "none"}), 0)
    network = _assemble(backbone, model, classes, weights)
    trunk, learned = states
    state = {f"backbone.{name}": tensor for name, tensor in trunk.items()} | learned
    wrong = [
        name for name, tensor in network.state_dict().items() if name not in state or state[name].shape != tensor.shape
    ]
    if wrong:
        raise WeightsError(f"the run's tensors do not fit {model.backbone}: {len(wrong)} missing or of another shape.")
    network.load_state_dict(state)
    return network


def _assemble(backbone: nn.Module, model: ModelSpec, classes: int, weights: Weights) -> Classifier:
    features = backbone.head_hidden_size if hasattr(backbone, "head_hidden_size") else backbone.num_features
    outputs = 1 if model.head == "sigmoid" else classes
    return Classifier(backbone, int(features), outputs, model, weights)  # type: ignore[arg-type]


def check_size(network: Classifier, size_px: int) -> None:
    """Refuse images of a size the backbone cannot take, before anything is trained.

    Raises:
        SpecError: one black image does not go through.
    """
    network.eval()
    try:
        with torch.inference_mode():
            width = network.features(torch.zeros(1, 3, size_px, size_px)).shape[1]
    except (AssertionError, RuntimeError) as error:  # timm's and torch's ways to refuse a shape
        wanted = network.backbone.pretrained_cfg.get("input_size", (3, 0, 0))[-1]  # type: ignore[union-attr, operator]
        raise SpecError(
            f"image.size_px: this backbone does not take images of {size_px} px ({str(error).splitlines()[0]}). "
            f"It was made for {wanted} px: '--image-size {wanted}'."
        ) from error
    if width != network.head.in_features:
        raise SpecError(f"model.backbone: expected {network.head.in_features} features an image, got {width}.")


def stages_of(backbone: nn.Module) -> list[list[str]]:
    """Names of the parameters of each stage of a timm backbone, first to last.

    What follows the last stage of blocks (a norm, the head convolution) goes with it, also where timm keeps it apart.
    """
    groups = group_parameters(backbone, backbone.group_matcher(coarse=True))  # type: ignore[operator]
    stages = [list(groups[number]) for number in sorted(groups)]
    if len(stages) > 1 and _is_tail(stages[-1], dict(backbone.named_parameters())):
        tail = stages.pop()
        stages[-1] += tail
    return stages


def _is_tail(stage: list[str], parameters: dict[str, nn.Parameter]) -> bool:
    """Whether a stage is no stage of blocks: timm numbers blocks, and they hold several layers."""
    layers = sum(parameters[name].ndim > 1 for name in stage)
    return layers <= 2 and not any(part.isdigit() for name in stage for part in name.split("."))


def release(network: Classifier, stage: str | int) -> None:
    """Let the head and the named stages of the backbone learn; freeze the rest.

    Args:
        network: changed in place.
        stage: `head`, `last_stage` (last stage of blocks and the head convolution), `all`, or the last n stages.

    Raises:
        SpecError: more stages are asked for than the backbone has.
    """
    names = stages_of(network.backbone)
    named = {"head": 0, "last_stage": 1, "all": len(names)}
    count = named[stage] if isinstance(stage, str) else stage
    if count > len(names):
        raise SpecError(f"release: this backbone has {len(names)} stages, {stage} were to be released.")
    free = {name for group in names[len(names) - count :] for name in group}
    for name, parameter in network.backbone.named_parameters():
        parameter.requires_grad_(name in free)
    for parameter in network.head.parameters():
        parameter.requires_grad_(True)


def train_mode(network: nn.Module) -> None:
    """Training mode for what learns; evaluation mode (batch norm, drop-path) wherever all is frozen."""
    _set_mode(network, inherited=True)


def _set_mode(module: nn.Module, inherited: bool) -> None:
    parameters = list(module.parameters())
    learning = [parameter.requires_grad for parameter in parameters]
    mode = any(learning) if parameters else inherited
    module.training = mode
    uniform = not parameters or all(learning) or not any(learning)
    for child in module.children():
        _set_mode(child, inherited=mode if uniform else isinstance(module, Classifier))

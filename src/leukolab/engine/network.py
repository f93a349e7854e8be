"""The network: a timm backbone with pooling, dropout and a dense head, and which of its stages are released."""

from __future__ import annotations

import torch
from timm.models import group_parameters
from torch import nn

from leukolab.base.errors import SpecError, WeightsError
from leukolab.base.streams import stream_seed
from leukolab.engine.output import OutputLayer, output_count, output_layer
from leukolab.engine.weights import State, Weights, load_backbone
from leukolab.spec import ModelSpec


class Classifier(nn.Module):
    """Pixels (n, 3, h, w) to logits (n, outputs); outputs is 1 for a sigmoid head, else the classes."""

    stand_in = False
    """Whether its weights only stand in for others of the same shapes, to measure how long a network takes."""

    def __init__(self, backbone: nn.Module, features: int, outputs: int, model: ModelSpec, weights: Weights) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(features, outputs)
        self.weights = weights
        self.model = model
        self.output: OutputLayer = output_layer(outputs)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features (n, d)."""
        pooled: torch.Tensor = self.backbone(pixels)
        return pooled

    def classify(self, features: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Logits (n, outputs) in float32 from pooled features (n, d), some dropped where a generator is given."""
        features = features.float()
        if generator is not None and self.model.dropout:
            features = features * dropout_mask(len(features), features.shape[1], self.model.dropout, generator).to(
                features.device
            )
        logits: torch.Tensor = self.head(features)
        return logits

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (n, outputs)."""
        return self.classify(self.features(pixels))


def dropout_mask(images: int, width: int, rate: float, generator: torch.Generator) -> torch.Tensor:
    """float32 (images, width): 0 with probability `rate`, else 1 / (1 - rate)."""
    return torch.empty(images, width).bernoulli_(1 - rate, generator=generator).div_(1 - rate)


def build(model: ModelSpec, classes: int, seed: int) -> Classifier:
    """A network with its weights loaded and a fresh head drawn from `seed`.

    Jobs of one study share `seed`, so that where weights are drawn at random (`none`) all begin from the same backbone.

    Raises:
        SpecError: a sigmoid head with another number of classes than two.
        WeightsError: the weights are unavailable, damaged, or do not fit.
    """
    output_count(model.head, classes)  # before weights are fetched
    backbone, weights = load_backbone(model, stream_seed(seed, "backbone"))
    network = _assemble(backbone, model, classes, weights)
    fresh = fresh_head(network.head.in_features, network.head.out_features, seed)
    network.head.load_state_dict(fresh.state_dict())
    return network


def fresh_head(width: int, outputs: int, seed: int) -> nn.Linear:
    """A dense head as a job with this seed begins with."""
    torch.manual_seed(stream_seed(seed, "head"))
    return nn.Linear(width, outputs)


def restore(model: ModelSpec, classes: int, weights: Weights, states: tuple[State, ...]) -> Classifier:
    """A network as a run left it: the frozen backbone and what learned on top, given as two states.

    Raises:
        WeightsError: a tensor is missing or of another shape.
    """
    trunk, learned = states
    network = assemble(model, classes, weights, {})
    state = {f"backbone.{name}": tensor for name, tensor in trunk.items()} | learned
    wrong = [
        name for name, tensor in network.state_dict().items() if name not in state or state[name].shape != tensor.shape
    ]
    if wrong:
        raise WeightsError(
            f"the run's tensors do not fit {model.backbone}: {len(wrong)} missing or of another shape. "
            "Was a file copied from another run? Run the study there again, or use another run."
        )
    network.load_state_dict(state)
    return network


def assemble(model: ModelSpec, classes: int, weights: Weights, trunk: State) -> Classifier:
    """A network with these tensors in its backbone, which may be none, and a head drawn at random.

    Raises:
        WeightsError: a tensor is of another shape, or unknown.
    """
    backbone, _ = load_backbone(model.model_copy(update={"weights": "none"}), 0)
    try:
        backbone.load_state_dict(trunk or backbone.state_dict())
    except RuntimeError as error:
        raise WeightsError(
            f"the run's tensors do not fit {model.backbone}: {str(error).splitlines()[0]}. "
            "Was a file copied from another run? Run the study there again, or use another run."
        ) from error
    return _assemble(backbone, model, classes, weights)


def _assemble(backbone: nn.Module, model: ModelSpec, classes: int, weights: Weights) -> Classifier:
    features = backbone.head_hidden_size if hasattr(backbone, "head_hidden_size") else backbone.num_features
    if hasattr(backbone, "global_pool") and isinstance(backbone.global_pool, nn.Module):
        backbone.global_pool.register_forward_pre_hook(_channels_last_gradient)
    return Classifier(backbone, int(features), output_count(model.head, classes), model, weights)  # type: ignore[arg-type]


def check_size(network: Classifier, size_px: int) -> None:
    """Refuse an image size that the backbone cannot take, before anything is trained.

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
            f"It was made for {wanted} px: image.size_px={wanted}.",
            settings=("image.size_px",),
        ) from error
    if width != network.head.in_features:
        raise SpecError(f"model.backbone: expected {network.head.in_features} features per image, got {width}.")


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
    """Whether a stage holds no blocks: timm numbers blocks, and they hold several layers."""
    layers = sum(parameters[name].ndim > 1 for name in stage)
    return layers <= 2 and not any(part.isdigit() for name in stage for part in name.split("."))


def released_depth(network: Classifier, stage: str | int) -> int:
    """How many stages of the backbone a setting of `release` lets learn.

    Args:
        network: whose stages are counted.
        stage: `head`, `last_stage`, `all` or a number.
    """
    named = {"head": 0, "last_stage": 1, "all": len(stages_of(network.backbone))}
    return named[stage] if isinstance(stage, str) else stage


def release(network: Classifier, stage: str | int) -> None:
    """Let the head and the named stages of the backbone learn; freeze the rest.

    Args:
        network: changed in place.
        stage: `head`, `last_stage` (last stage of blocks and the head convolution), `all`, or the last n stages.

    Raises:
        SpecError: more stages are asked for than the backbone has.
    """
    names = stages_of(network.backbone)
    count = released_depth(network, stage)
    if count > len(names):
        raise SpecError(f"release: expected at most {len(names)}, the stages of this backbone, got {stage}.")
    free = {name for group in names[len(names) - count :] for name in group}
    for name, parameter in network.backbone.named_parameters():
        parameter.requires_grad_(name in free)
    for parameter in network.head.parameters():
        parameter.requires_grad_(True)


def train_mode(network: nn.Module) -> None:
    """Training mode for what learns; evaluation mode (batch norm, drop-path) wherever all is frozen."""
    sides: dict[nn.Module, set[bool]] = {}
    _see_sides(network, sides)
    _set_mode(network, sides, inherited=True)


def learning_tensors(network: Classifier) -> State:
    """The tensors that learn, in order of name: released parameters, and buffers of modules in training mode."""
    train_mode(network)
    names = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for prefix, module in network.named_modules():
        if module.training:
            names |= {f"{prefix}.{name}" if prefix else name for name, _ in module.named_buffers(recurse=False)}
    state = network.state_dict()
    return {name: state[name] for name in sorted(names & state.keys())}


def copied(tensors: State) -> State:
    """These tensors as they are now."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _see_sides(module: nn.Module, sides: dict[nn.Module, set[bool]]) -> set[bool]:
    """Note for each module whether parameters in it learn, are frozen, or both; {} where it has none."""
    own = {parameter.requires_grad for parameter in module.parameters(recurse=False)}
    sides[module] = own.union(*(_see_sides(child, sides) for child in module.children()))
    return sides[module]


def _set_mode(module: nn.Module, sides: dict[nn.Module, set[bool]], inherited: bool) -> None:
    mode = True in sides[module] if sides[module] else inherited
    module.training = mode
    uniform = len(sides[module]) < 2
    for child in module.children():
        _set_mode(child, sides, inherited=mode if uniform else isinstance(module, Classifier))


def _channels_last_gradient(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    """Make the gradient of a pooling layer's input channels last.

    Mean pooling returns an expanded gradient in the other order, and the batch norm below it then takes a slow path:
    a fifth of a training step of Lite0's last stage at 224 px, measured here.
    """
    (activations, *_) = inputs
    if activations.requires_grad and activations.ndim == 4:
        activations.register_hook(_channels_last)  # type: ignore[no-untyped-call]


def _channels_last(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)

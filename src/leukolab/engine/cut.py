"""Cut a network in two where learning begins: a frozen trunk below, what learns above.

The cut is found in the traced graph (torch.fx), so that it fits any timm backbone whose parts meet in one tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from leukolab.engine.network import Classifier, stages_of


@dataclass(frozen=True)
class Cut:
    """Two halves of a backbone; they share its tensors.

    Attributes:
        lower: normalised pixels (n, 3, h, w) to activations at the boundary (n, c, h', w').
        upper: these to pooled features (n, d).
    """

    lower: nn.Module
    upper: nn.Module


def cut(network: Classifier, depth: int) -> Cut | None:
    """Cut below the last `depth` stages of the backbone; None where they do not meet the rest in one tensor."""
    stages = stages_of(network.backbone)
    above = {name for group in stages[len(stages) - depth :] for name in group}
    if depth == 0 or depth >= len(stages):
        return None
    try:
        graph = _Tracer(above).trace(network.backbone)
    except (fx.proxy.TraceError, TypeError, ValueError, AttributeError, RuntimeError):  # control flow on values
        return None
    upper = _upper_nodes(graph, network.backbone, above)
    joints = {source for node in upper for source in node.all_input_nodes if source not in upper}
    inputs = {node for node in graph.nodes if node.op == "placeholder"}
    if len(joints) != 1 or joints & inputs:
        return None
    joint = joints.pop()
    if any(not _follows(node, joint) and node is not joint for node in upper):  # a parameter used by itself
        return None
    return Cut(_half(network.backbone, graph, joint, below=True), _half(network.backbone, graph, joint, below=False))


class _Tracer(fx.Tracer):
    """Goes into a module only where it holds parameters of both halves, so that `training` stays alive in the rest."""

    def __init__(self, above: set[str]) -> None:
        super().__init__()
        self.above = above

    def is_leaf_module(self, module: nn.Module, module_qualified_name: str) -> bool:
        sides = {f"{module_qualified_name}.{name}" in self.above for name, _ in module.named_parameters(recurse=True)}
        return len(sides) < 2


def _upper_nodes(graph: fx.Graph, backbone: nn.Module, above: set[str]) -> set[fx.Node]:
    """Nodes that hold a parameter of the upper half, and all that follow from them."""
    upper: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "call_module":
            module = backbone.get_submodule(str(node.target))
            own = any(f"{node.target}.{name}" in above for name, _ in module.named_parameters())
        else:
            own = node.op == "get_attr" and str(node.target) in above
        if own or any(source in upper for source in node.all_input_nodes):
            upper.add(node)
    return upper


def _half(backbone: nn.Module, graph: fx.Graph, joint: fx.Node, below: bool) -> fx.GraphModule:
    """The nodes up to `joint`, or those after it with `joint` as the input."""
    half = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    order = list(graph.nodes)
    if below:
        chosen = order[: order.index(joint) + 1]
    else:
        copies[joint] = half.placeholder("activations")
        chosen = [node for node in order if node is not joint and _follows(node, joint)]
    for node in chosen:
        copies[node] = half.node_copy(node, lambda source: copies[source])
    if below:
        half.output(copies[joint])
    module = fx.GraphModule(backbone, half)
    return module


def _follows(node: fx.Node, joint: fx.Node) -> bool:
    """Whether `node` needs `joint`, near or far."""
    seen, waiting = set(), [node]
    while waiting:
        current = waiting.pop()
        if current is joint:
            return True
        if current not in seen:
            seen.add(current)
            waiting += current.all_input_nodes
    return False

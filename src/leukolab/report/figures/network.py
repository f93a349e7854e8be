"""A network drawn: its stages as boxes from input to head, and beside them what each reading trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle

from leukolab.report.figures.canvas import drawn, no_frame, plain, sheet
from leukolab.report.figures.palette import BLUE, GREEN, GRID, INK, MUTED

HEIGHT = 0.72
"""Height of a box in units of a row."""


@dataclass(frozen=True)
class Layer:
    """One box: its name, what it is, the shape it gives, and how many numbers it holds, in words."""

    name: str
    kind: str
    shape: str
    parameters: str


@dataclass(frozen=True)
class Training:
    """What one stage of a reading trains: in words, and of each layer whether it learns."""

    label: str
    learns: tuple[bool, ...]


@drawn
def network(layers: Sequence[Layer], trainings: Sequence[Training], words: tuple[str, str], narrow: bool) -> Figure:
    """Layers one under another, and a column for each training.

    Args:
        layers: from the input to the head.
        trainings: what is trained, a numbered column each.
        words: what the two colours of the columns mean: trained, and frozen.
        narrow: for a phone: without what each layer is.
    """
    numbers = [str(place + 1) for place in range(len(trainings))]
    figure = sheet(3.9 if narrow else 7.4, 0.4 * (len(layers) + 0.6) + 0.2 * (len(trainings) + 1) + 0.15)
    axes = figure.add_subplot()
    no_frame(axes)
    step = 0.075 if narrow else 0.045
    right = 1 - step * len(trainings) - 0.03
    axes.set_xlim(0, 1)
    axes.set_ylim(len(layers) - 0.5, -0.95)
    for row, layer in enumerate(layers):
        _layer(axes, row, layer, right, narrow)
        if row:
            axes.add_patch(_arrow(right / 2, row))
    for place, (number, training) in enumerate(zip(numbers, trainings, strict=True)):
        _column(axes, (right + 0.03 + step * (place + 0.5), step * 0.7), number, training, layers)
    handles = [Patch(facecolor=GREEN, label=words[0]), Patch(facecolor=GRID, label=words[1])]
    keys = [f"{number}  {plain(one.label)}" for number, one in zip(numbers, trainings, strict=True)]
    handles += [Patch(alpha=0, label=key) for key in keys]
    figure.legend(handles=handles, loc="outside lower left", ncols=1, fontsize=7.6 if narrow else 8.5)
    return figure


def _layer(axes: Axes, row: int, layer: Layer, right: float, narrow: bool) -> None:
    """A box with name and kind at the left, shape and parameters at the right."""
    box: Any = {"boxstyle": "round,pad=0,rounding_size=0.008", "mutation_aspect": 20}
    corner = (0.0, row - HEIGHT / 2)
    axes.add_patch(FancyBboxPatch(corner, right, HEIGHT, facecolor=BLUE, alpha=0.1, linewidth=0, **box))
    axes.add_patch(FancyBboxPatch(corner, right, HEIGHT, facecolor="none", edgecolor=BLUE, linewidth=0.9, **box))
    axes.text(0.02, row - 0.02, plain(layer.name), ha="left", va="center", weight="bold", size=8.5, color=INK)
    if not narrow:
        axes.text(right * 0.22, row - 0.02, plain(layer.kind), ha="left", va="center", size=7.6, color=MUTED)
    end = right - 0.02
    shift = 0.16 if layer.parameters else 0.02
    axes.text(end, row - shift, plain(layer.shape), ha="right", va="center", size=8, color=INK)
    if layer.parameters:
        axes.text(end, row + 0.17, plain(layer.parameters), ha="right", va="center", size=7, color=MUTED)


def _arrow(x: float, row: int) -> FancyArrowPatch:
    """From the box above to this one."""
    ends = ((x, row - 1 + HEIGHT / 2), (x, row - HEIGHT / 2))
    return FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=6, color=MUTED, linewidth=0.9, shrinkA=0, shrinkB=0)


def _column(axes: Axes, place: tuple[float, float], number: str, training: Training, layers: Sequence[Layer]) -> None:
    """A number, and under it a cell beside each layer that holds numbers: green where it learns."""
    middle, width = place
    axes.text(middle, -0.72, number, ha="center", va="center", weight="bold", size=8.5, color=INK)
    for row in (row for row, layer in enumerate(layers) if layer.parameters):
        colour = GREEN if training.learns[row] else GRID
        corner = (middle - width / 2, row - HEIGHT / 2)
        axes.add_patch(Rectangle(corner, width, HEIGHT, facecolor=colour, linewidth=0))

"""Diagrams of how data, training and ensembles flow: boxes and arrows, with the run's own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from leukolab.report.figures.canvas import drawn, no_frame, plain, sheet
from leukolab.report.figures.palette import BLUE, GREEN, INK, MUTED, ORANGE, PAPER, PURPLE

TONES = {"data": BLUE, "work": MUTED, "judge": GREEN, "care": ORANGE, "mix": PURPLE}
"""What a box is: data, a step of work, a judgement, something to be careful with, a mixture."""

HEIGHT = 0.62
"""Height of a box in units of a row."""


@dataclass(frozen=True)
class Box:
    """A box: its middle (`x` from 0 to 1, `row` counted downwards), its width, a heading and a line under it."""

    name: str
    x: float
    row: float
    width: float
    heading: str
    line: str = ""
    tone: str = "data"


@drawn
def flow(boxes: Sequence[Box], arrows: Sequence[tuple[str, str]], width: float = 6.4) -> Figure:
    """Boxes joined by arrows from the bottom of one to the top of another, or side to side in one row."""
    rows = max(box.row for box in boxes) + 1
    figure = sheet(width, 0.78 * rows)
    axes = figure.add_subplot()
    no_frame(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(rows - 0.5, -0.5)
    named = {box.name: box for box in boxes}
    for start, end in arrows:
        _arrow(axes, named[start], named[end])
    for box in boxes:
        _box(axes, box)
    return figure


def _box(axes: Axes, box: Box) -> None:
    """One box with its two lines."""
    colour = TONES[box.tone]
    corner = (box.x - box.width / 2, box.row - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.012"
    for face, alpha in ((PAPER, 1.0), (colour, 0.1)):
        patch = FancyBboxPatch(
            corner, box.width, HEIGHT, boxstyle=style, mutation_aspect=6, facecolor=face, edgecolor="none", alpha=alpha
        )
        axes.add_patch(patch)
    edge = FancyBboxPatch(
        corner, box.width, HEIGHT, boxstyle=style, mutation_aspect=6, facecolor="none", edgecolor=colour, linewidth=1.1
    )
    axes.add_patch(edge)
    shift = 0.13 if box.line else 0.0
    axes.text(box.x, box.row - shift, plain(box.heading), ha="center", va="center", weight="bold", size=9, color=INK)
    if box.line:
        axes.text(box.x, box.row + 0.14, plain(box.line), ha="center", va="center", size=8, color=MUTED)


def _arrow(axes: Axes, start: Box, end: Box) -> None:
    """An arrow between two boxes."""
    if start.row == end.row:
        side = 1 if end.x > start.x else -1
        points = ((start.x + side * start.width / 2, start.row), (end.x - side * end.width / 2, end.row))
    else:
        side = 1 if end.row > start.row else -1
        leaves = _within(end.x, start) if start.width > end.width else start.x
        arrives = _within(start.x, end) if end.width > start.width else end.x
        points = ((leaves, start.row + side * HEIGHT / 2), (arrives, end.row - side * HEIGHT / 2))
    arrow = FancyArrowPatch(
        *points, arrowstyle="-|>", mutation_scale=9, color=MUTED, linewidth=1.0, shrinkA=0, shrinkB=1.5
    )
    axes.add_patch(arrow)


def _within(x: float, box: Box) -> float:
    """The place nearest `x` along the edge of a box, a little off its corners."""
    reach = 0.42 * box.width
    return min(max(x, box.x - reach), box.x + reach)

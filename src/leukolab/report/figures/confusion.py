"""Confusion matrices, small multiples; shades are shares of the actual class, figures are images and that share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from leukolab.report.figures.canvas import LETTER_EM, drawn, folded, plain, sheet
from leukolab.report.figures.palette import BLUE, INK, ORANGE

DEEPEST = 0.46
"""How much deeper a cell that holds all of its class is; from there on ink would be hard to read, on dark paper too."""


@dataclass(frozen=True)
class ConfusionWords:
    """Words on a figure of confusion matrices.

    Attributes:
        share: a share of 1, as people say it.
        marks: what marks in titles mean, by mark; those that no title has are left out.
    """

    actual: str
    called: str
    right: str
    wrong: str
    share: Callable[[float], str]
    marks: Mapping[str, str]


@drawn
def confusions(panels: Mapping[str, pd.DataFrame], words: ConfusionWords, across: int) -> Figure:
    """One matrix a panel.

    Args:
        panels: title to a square frame, actual classes as index, called ones as columns, images as values.
        words: on axes and in the legend.
        across: panels in a row.
    """
    across = min(across, len(panels))
    down = -(-len(panels) // across)
    width = 7.4 if across > 1 else 4.2
    names = [_broken(str(name)) for name in next(iter(panels.values())).index]
    size = 7.2 if across > 2 else 8.5
    cell = (width - _wide(names, size)) / across / (len(names) + 0.2)
    titles = [_title(title, across, cell * len(names)) for title in panels]
    above = 0.15 + 0.15 * max(title.count("\n") + 1 for title in titles)
    figure = sheet(width, down * (cell * len(names) + above) + 0.85 + _tall(names, size, cell))
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for place, (axes, title, matrix) in enumerate(zip(grid.flat, titles, panels.values(), strict=False)):
        _matrix(axes, matrix, words, min(10.0, cell * 72 / 4.4))
        _name(axes, names, size, _turned(names, size, cell))
        axes.set_title(title, size=8 if across > 3 else 9)
        axes.tick_params(labelbottom=place + across >= len(panels))
    figure.supxlabel(words.called, size=9, color=INK)
    figure.supylabel(words.actual, size=9, color=INK)
    _legend(figure, words, "".join(panels))
    return figure


def _title(title: str, across: int, inches: float) -> str:
    """The title of a panel in lines: in narrow panels one for each of its parts."""
    return plain(title).replace(", ", "\n") if across > 3 else folded(title, inches, 9)


def _broken(name: str) -> str:
    """The name of a class in short lines."""
    return plain(name).replace(" ", "\n")


def _wide(names: list[str], size: float) -> float:
    """Inches that names take beside a matrix."""
    return 0.45 + max(len(line) for name in names for line in name.split("\n")) * size * LETTER_EM / 72


def _turned(names: list[str], size: float, cell: float) -> bool:
    """Whether names are too wide to stand under cells of `cell` inches."""
    return _wide(names, size) - 0.45 > cell * 0.98


def _tall(names: list[str], size: float, cell: float) -> float:
    """Inches that names take under a matrix."""
    lines = max(name.count("\n") + 1 for name in names) * size * 1.25 / 72
    return _wide(names, size) - 0.45 if _turned(names, size, cell) else lines


def _matrix(axes: Axes, matrix: pd.DataFrame, words: ConfusionWords, size: float) -> None:
    """Cells in blue on the diagonal and orange beside it, as deep as their share of the actual class."""
    counts = matrix.to_numpy(float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), share in np.ndenumerate(shares):
        colour = BLUE if row == column else ORANGE
        depth = 0.06 + DEEPEST * float(share) if counts[row, column] else 0.03
        axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=colour, alpha=depth, linewidth=0))
        middle: Any = {"ha": "center", "va": "center", "color": INK}
        axes.text(column, row - 0.14, f"{counts[row, column]:.0f}", size=size, **middle)
        axes.text(column, row + 0.22, words.share(float(share)), size=size * 0.78, **middle)


def _name(axes: Axes, names: list[str], size: float, turned: bool) -> None:
    """Names of the classes, and no frame."""
    axes.set_xticks(range(len(names)), names, size=size, rotation=90 if turned else 0)
    axes.set_yticks(range(len(names)), names, size=size)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _legend(figure: Figure, words: ConfusionWords, titles: str) -> None:
    """What colours and marks mean, above all panels."""
    alpha = 0.06 + DEEPEST
    handles: list[Patch | Line2D] = [
        Patch(facecolor=BLUE, alpha=alpha, label=words.right),
        Patch(facecolor=ORANGE, alpha=alpha, label=words.wrong),
    ]
    said = [f"{mark} {meaning}" for mark, meaning in words.marks.items() if mark in titles]
    handles += [Line2D([], [], linestyle="none", label=text) for text in said]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if len(handles) < 4 else 2)

"""Confusion matrices, small multiples; shades are shares of the actual class, figures are images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from leukolab.report.figures.canvas import drawn, plain, sheet
from leukolab.report.figures.palette import BLUE, INK, ORANGE

DEEPEST = 0.46
"""How much deeper a cell that holds all of its class is; from there on ink would be hard to read, on dark paper too."""


@drawn
def confusions(panels: Mapping[str, pd.DataFrame], actual: str, called: str, across: int) -> Figure:
    """One matrix a panel.

    Args:
        panels: title to a square frame, actual classes as index, called ones as columns, images as values.
        actual: label of the rows.
        called: label of the columns.
        across: panels in a row.
    """
    across = min(across, len(panels))
    down = -(-len(panels) // across)
    width = 7.2 if across > 1 else 4.2
    classes = len(next(iter(panels.values())))
    figure = sheet(width, down * (width / across * (0.86 if classes > 2 else 0.74) + 0.3))
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, matrix) in zip(grid.flat, panels.items(), strict=False):
        _matrix(axes, matrix, small=across > 2)
        axes.set_title(plain(title).replace(", ", "\n") if across > 3 else plain(title), size=8 if across > 3 else 9)
    for place, axes in enumerate(grid.flat[: len(panels)]):
        axes.tick_params(labelbottom=place + across >= len(panels))
    figure.supxlabel(called, size=9, color=INK)
    figure.supylabel(actual, size=9, color=INK)
    return figure


def _matrix(axes: Axes, matrix: pd.DataFrame, small: bool) -> None:
    """Cells in blue on the diagonal and orange beside it, as deep as their share of the actual class."""
    counts = matrix.to_numpy(float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), share in np.ndenumerate(shares):
        colour = BLUE if row == column else ORANGE
        depth = 0.06 + DEEPEST * float(share) if counts[row, column] else 0.03
        axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=colour, alpha=depth, linewidth=0))
        text = f"{counts[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", size=9 if small else 10.5, color=INK)
    names = [plain(name) for name in matrix.index]
    axes.set_xticks(range(len(names)), names, size=7.5 if small else 8.5)
    axes.set_yticks(range(len(names)), names, size=7.5 if small else 8.5)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)

"""Figures of a search over settings: how it went, and its values by each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leukolab.report.figures.canvas import drawn, plain, sheet, tidy
from leukolab.report.figures.palette import BLUE, GRID, ORANGE

ACROSS = 3
"""Panels in a row."""


@dataclass(frozen=True)
class Axis:
    """One searched setting; `choices` in their order, none for a range; `log` where it is drawn in its logarithm."""

    setting: str
    log: bool = False
    choices: tuple[object, ...] = ()


@drawn
def history(values: pd.Series, what: str, higher: bool) -> Figure:
    """Value of each trial, and the best so far.

    Args:
        values: by number of the trial; NaN where training diverged.
        what: the metric's title.
        higher: whether higher is better.
    """
    figure = sheet(6.8, 2.8)
    axes = figure.subplots()
    best = values.cummax() if higher else values.cummin()
    axes.step(values.index, best.ffill(), where="post", color=ORANGE, label="best so far")
    axes.plot(values.index, values, "o", color=BLUE, label="trial")
    axes.set_xlabel("trial")
    axes.set_ylabel(plain(what))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@drawn
def slices(values: pd.Series, settings: Mapping[str, Sequence[object]], axes_of: Sequence[Axis], what: str) -> Figure:
    """Value of each trial by each searched setting, small multiples; later trials are darker.

    Args:
        values: by number of the trial; NaN where training diverged.
        settings: each setting's value in the same trials.
        axes_of: the settings, in the order of the panels.
        what: the metric's title.
    """
    across = min(ACROSS, len(axes_of))
    down = -(-len(axes_of) // across)
    figure = sheet(2.6 * across + 0.6, 2.4 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in grid.flat[len(axes_of) :]:
        axes.set_axis_off()
    for axes, axis in zip(grid.flat, axes_of, strict=False):
        _slice(axes, settings[axis.setting], values, axis)
    for axes in grid[:, 0]:
        axes.set_ylabel(plain(what))
    return figure


def _slice(axes: Axes, seen: Sequence[object], values: pd.Series, axis: Axis) -> None:
    if axis.choices:
        names = [str(choice) for choice in axis.choices]
        seen = [names.index(str(value)) for value in seen]
        axes.set_xticks(range(len(names)), [plain(name) for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif axis.log:
        axes.set_xscale("log")
    shade = 0.25 + 0.75 * (values.index - values.index[0]) / max(1, len(values) - 1)
    axes.scatter(np.asarray(seen, np.float64), values, s=22, color=BLUE, alpha=shade, edgecolors=GRID, linewidths=0.3)
    axes.set_xlabel(plain(axis.setting), size=8)
    tidy(axes, "both")

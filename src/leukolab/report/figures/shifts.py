"""Scores by strength of a change of the images, a panel per kind of change."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leukolab.report.figures.canvas import drawn, folded, legend_below, legend_inches, sheet, tidy
from leukolab.report.figures.palette import BLUE, MARKERS, MUTED, ORANGE, PURPLE

TONES = (BLUE, ORANGE, PURPLE)
"""Of what was chosen, then of its rivals, in their order."""


@drawn
def by_strength(
    panels: Mapping[tuple[str, str], Mapping[str, pd.DataFrame]], metric: str, chance: float, narrow: bool = False
) -> Figure:
    """A line per model with its interval as a band; a dotted line at chance.

    Args:
        panels: title and name of the strength to tables by model: strength, value, low, high, by rising strength.
        metric: what stands upwards.
        chance: the score of a guess.
        narrow: for a phone's width.
    """
    across, width = (2, 3.6) if narrow else (3, 6.8)
    down = -(-len(panels) // across)
    names = next(iter(panels.values()))
    handles: list[Artist] = [
        Line2D([], [], color=tone, marker=marker, markersize=4, label=name)
        for name, tone, marker in zip(names, TONES, MARKERS, strict=False)
    ]
    figure = sheet(width, 1.95 * down + legend_inches(handles, width))
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, ((title, strength), lines) in zip(grid.flat, panels.items(), strict=False):
        for table, tone, marker in zip(lines.values(), TONES, MARKERS, strict=False):
            _line(axes, table, tone, marker)
        axes.axhline(chance, color=MUTED, linewidth=0.8, linestyle=":")
        axes.set_title(folded(title, width / across - 0.45, 8.5), size=8.5)
        axes.set_xlabel(folded(strength, width / across - 0.45, 7.5), size=7.5)
        axes.set_xticks(sorted({float(one) for table in lines.values() for one in table["strength"]}))
        axes.tick_params(axis="x", labelsize=7)
        tidy(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel(folded(metric, 1.5, 8), size=8)
    legend_below(figure, handles)
    return figure


def _line(axes: Axes, table: pd.DataFrame, tone: str, marker: str) -> None:
    axes.fill_between(table["strength"], table["low"], table["high"], color=tone, alpha=0.13, linewidth=0)
    axes.plot(table["strength"], table["value"], color=tone, marker=marker, markersize=3.5, linewidth=1.4)

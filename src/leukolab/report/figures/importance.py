"""What shuffled numbers of a cell cost a method: bars, the families of numbers above, single numbers below."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leukolab.report.figures.canvas import drawn, folded, sheet, tidy
from leukolab.report.figures.palette import BLUE, INK, PURPLE


@drawn
def importance_bars(families: pd.DataFrame, numbers: pd.DataFrame, what: str, narrow: bool = False) -> Figure:
    """Bars of the mean over outer parts, a line from the least part to the greatest.

    Args:
        families, numbers: label, increase, least, greatest; the greatest first.
        what: the axis.
        narrow: for a phone's width.
    """
    width = 3.7 if narrow else 6.8
    counts = [max(1, len(families)), max(1, len(numbers))]
    figure = sheet(width, 0.26 * sum(counts) + 1.0)
    above, below = figure.subplots(2, 1, height_ratios=counts)
    for axes, table, tone in ((above, families, PURPLE), (below, numbers, BLUE)):
        _bars(axes, table, tone, width)
    below.set_xlabel(folded(what, width * 0.6, 8.5))
    return figure


def _bars(axes: Axes, table: pd.DataFrame, tone: str, width: float) -> None:
    places = np.arange(len(table))
    axes.barh(places, table["increase"], color=tone, height=0.7)
    axes.hlines(places, table["least"], table["greatest"], color=INK, linewidth=1.0)
    axes.set_yticks(places, [folded(label, width * 0.42, 7.5) for label in table["label"]], size=7.5)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="x", labelsize=7.5)
    tidy(axes, "x")

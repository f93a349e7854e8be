"""How each tested subject was called, from the worst to the best, without a name."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from leukolab.report.figures.canvas import drawn, plain, sheet, tidy
from leukolab.report.figures.palette import MUTED, series


@drawn
def by_subject(table: pd.DataFrame, accuracy: str, subjects: str, narrow: bool = False) -> Figure:
    """A mark per subject at its accuracy: larger with more images, coloured by class, hollow where called wrongly.

    Args:
        table: rank, class_name, images, accuracy, agrees; one row per subject.
        accuracy: what stands upwards. subjects: what stands side by side.
        narrow: for a phone's width.
    """
    figure = sheet(3.6 if narrow else 6.8, 3.0)
    axes = figure.add_subplot()
    largest = float(table["images"].max())
    for number, (name, rows) in enumerate(table.groupby("class_name", sort=True)):
        colour = series(number)
        for agrees, own in rows.groupby("agrees", sort=True):
            sizes = 14 + 110 * own["images"] / largest
            face = colour if agrees else "none"
            axes.scatter(own["rank"], own["accuracy"], s=sizes, facecolors=face, edgecolors=colour, linewidths=1.3)
        axes.scatter([], [], s=40, color=colour, label=plain(str(name)))
    axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.06, 1.06)
    axes.set_xlim(0.2, len(table) + 0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(textwrap.fill(subjects, 36) if narrow else subjects)
    axes.set_ylabel(accuracy)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2 if narrow else 4, borderaxespad=0.2)
    tidy(axes)
    return figure

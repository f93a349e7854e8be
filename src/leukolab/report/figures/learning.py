"""Figures of learning: loss and accuracy by epoch, with the boundaries of stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from leukolab.report.figures.canvas import drawn, folded, sheet, tidy
from leukolab.report.figures.palette import BLUE, MUTED, ORANGE


@dataclass(frozen=True)
class Curve:
    """One training: its history with column `step`, and whether it stands in front."""

    history: pd.DataFrame
    front: bool = True


@dataclass(frozen=True)
class CurveLabels:
    """Words on a figure of learning."""

    train: str
    validation: str
    epoch: str
    value: str
    boundary: str
    others: str
    """Faint lines: trainings behind the one in front."""


@drawn
def learning(panels: Mapping[str, Sequence[Curve]], what: str, labels: CurveLabels, across: int) -> Figure:
    """Train and validation values of `what` ("loss" or "accuracy") by epoch, small multiples.

    Args:
        panels: title to the trainings drawn in that panel.
        what: the column; validation is `val_` and its name.
        labels: words on the axes.
        across: panels in a row.
    """
    down = -(-len(panels) // across)
    width, size = 7.4 if across > 2 else 6.8, 7.8 if across > 3 else 9
    titles = [folded(title, width / across - 0.5, size) for title in panels]
    above = 0.15 * max((title.count("\n") for title in titles), default=0)
    figure = sheet(width, 0.55 + ((1.45 if across > 3 else 2.1) + above) * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True, sharex=across > 3)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, title, curves in zip(grid.flat, titles, panels.values(), strict=False):
        for curve in curves:
            _lines(axes, curve, what)
        axes.set_title(title, size=size)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(axes)
    for axes in grid[-1]:
        axes.set_xlabel(labels.epoch)
    for axes in grid[:, 0]:
        axes.set_ylabel(labels.value)
    drawn_curves = [curve for curves in panels.values() for curve in curves]
    _legend(figure, labels, drawn_curves)
    return figure


def _lines(axes: Axes, curve: Curve, what: str) -> None:
    """Both lines of one training, and where its stages meet."""
    history = curve.history
    alpha, width = (1.0, 1.6) if curve.front else (0.22, 0.9)
    mark = "o" if len(history) == 1 else None
    axes.plot(history["step"], history[what], color=BLUE, alpha=alpha, linewidth=width, marker=mark)
    axes.plot(
        history["step"], history[f"val_{what}"], color=ORANGE, alpha=alpha, linewidth=width, linestyle="--", marker=mark
    )
    if curve.front:
        for place in _boundaries(history):
            axes.axvline(place, color=MUTED, linewidth=1, linestyle=":")


def _boundaries(history: pd.DataFrame) -> list[float]:
    """Steps between the last epoch of a stage and the first of the next."""
    stages = history["stage"].astype(str).tolist()
    steps = history["step"].tolist()
    return [float(steps[n]) - 0.5 for n in range(1, len(stages)) if stages[n] != stages[n - 1]]


def _legend(figure: Figure, labels: CurveLabels, curves: Sequence[Curve]) -> None:
    """What the lines are, above all panels."""
    handles = [
        Line2D([], [], color=BLUE, label=labels.train),
        Line2D([], [], color=ORANGE, linestyle="--", label=labels.validation),
    ]
    if any(_boundaries(curve.history) for curve in curves):
        handles.append(Line2D([], [], color=MUTED, linestyle=":", linewidth=1, label=labels.boundary))
    if not all(curve.front for curve in curves):
        handles.append(Line2D([], [], color=BLUE, alpha=0.3, linewidth=0.9, label=labels.others))
    figure.legend(handles=handles, loc="outside upper left", ncols=4)

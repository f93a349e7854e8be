"""Figures of the data: samples, classes, balance, sizes, brightness, images of each subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leukolab.report.figures.canvas import drawn, folded, no_frame, plain, sheet, tidy
from leukolab.report.figures.palette import GRID, INK, MUTED, series

Array = np.ndarray[Any, Any]


@drawn
def samples(pictures: Mapping[str, Sequence[Array]]) -> Figure:
    """Rows of pictures, one row a class.

    Args:
        pictures: class name to uint8 (h, w, 3) arrays.
    """
    across = max(len(row) for row in pictures.values())
    figure = sheet(6.4, 6.4 / across * len(pictures) + 0.25 * len(pictures))
    grid = figure.subplots(len(pictures), across, squeeze=False)
    for axes_row, (name, row) in zip(grid, pictures.items(), strict=True):
        for axes in axes_row:
            no_frame(axes)
        for axes, picture in zip(axes_row, row, strict=False):
            axes.imshow(picture, interpolation="lanczos")
        axes_row[0].set_title(plain(name))
    return figure


@drawn
def classes(counts: pd.Series, axis_label: str) -> Figure:
    """Bars of images a class."""
    figure = sheet(6.4, 0.5 + 0.42 * len(counts))
    axes = figure.add_subplot()
    for row, (name, count) in enumerate(counts.items()):
        axes.barh(row, count, color=series(row), height=0.62)
        axes.annotate(f"{count:,}", (count, row), (6, 0), textcoords="offset points", va="center", color=INK, size=9)
        del name
    _rows(axes, [str(name) for name in counts.index])
    axes.set_xlim(0, float(counts.max()) * 1.14)
    axes.set_xlabel(axis_label)
    tidy(axes, "x")
    return figure


@drawn
def balance(stages: Mapping[str, pd.DataFrame], before: str, after: str, axis_label: str) -> Figure:
    """Classes before and after balancing, one panel a protocol.

    Args:
        stages: panel title to a frame with class names as index and columns `before` and `after`.
        before: legend of the pale bars.
        after: legend of the full bars.
        axis_label: what is counted.
    """
    figure = sheet(6.8, 3.0)
    panels = figure.subplots(1, len(stages), squeeze=False, sharey=True)[0]
    for axes, (title, counts) in zip(panels, stages.items(), strict=True):
        places = np.arange(len(counts))
        for place, colour in zip(places, [series(int(place)) for place in places], strict=True):
            first, second = counts.iloc[place]["before"], counts.iloc[place]["after"]
            axes.bar(place - 0.2, first, 0.38, color=colour, alpha=0.35)
            axes.bar(place + 0.2, second, 0.38, color=colour)
            axes.text(place - 0.2, first, f"{first:.0f}", ha="center", va="bottom", size=7.5, color=MUTED)
            axes.text(place + 0.2, second, f"{second:.0f}", ha="center", va="bottom", size=7.5, color=INK)
        each = (figure.get_figwidth() / len(stages) - 0.5) / len(counts)
        axes.set_xticks(places, [folded(name, each, 8.5) for name in counts.index])
        axes.set_title(plain(title))
        tidy(axes)
    panels[0].set_ylabel(axis_label)
    _balance_legend(figure, before, after)
    return figure


def _balance_legend(figure: Figure, before: str, after: str) -> None:
    """Pale and full, in grey, under the panels."""
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=MUTED, alpha=0.35, label=before), Patch(facecolor=MUTED, label=after)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)


@drawn
def histograms(values: Mapping[str, Array], axis_label: str, count_label: str, bins: int = 30) -> Figure:
    """Outlined histograms over each other, one a class, each to its own share of 1."""
    figure = sheet(6.4, 2.7)
    axes = figure.add_subplot()
    everything = np.concatenate([np.asarray(found, dtype=float) for found in values.values()])
    low, high = (everything.min(), everything.max()) if len(everything) else (0.0, 1.0)
    edges = np.linspace(low, high, bins + 1) if high > low else np.linspace(low - 10, low + 10, bins // 2 * 2)
    for number, (name, found) in enumerate(values.items()):
        if not len(found):
            continue
        shares = np.histogram(found, edges)[0] / len(found)
        axes.stairs(shares, edges, color=series(number), label=plain(name), linewidth=1.6)
        axes.stairs(shares, edges, color=series(number), fill=True, alpha=0.12)
    axes.set_xlabel(axis_label)
    axes.set_ylabel(count_label)
    _legend_above(axes)
    tidy(axes)
    return figure


@drawn
def subjects(table: pd.DataFrame, axis_label: str, subjects_label: str) -> Figure:
    """Images of each subject as bars from the largest to the smallest, coloured by class.

    Args:
        table: columns subject, class_name, images.
        axis_label: what the bars count.
        subjects_label: what stands side by side.
    """
    ordered = table.sort_values("images", ascending=False, kind="stable").reset_index(drop=True)
    figure = sheet(6.4, 2.6)
    axes = figure.add_subplot()
    for number, (name, rows) in enumerate(ordered.groupby("class_name", sort=True)):
        axes.bar(rows.index, rows["images"], color=series(number), width=0.85, label=plain(name))
    axes.set_xticks([])
    axes.set_xlabel(subjects_label)
    axes.set_ylabel(axis_label)
    _legend_above(axes)
    tidy(axes)
    return figure


def _legend_above(axes: Axes) -> None:
    """The legend over the axes, where it covers nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, borderaxespad=0.2)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Names down the left side, the first on top."""
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=GRID, linewidth=1)

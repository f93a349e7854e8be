"""Figures of scores: methods side by side, splits beside colour, folds, curves, differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from leukolab.report.figures.canvas import LETTER_EM, drawn, legend_below, legend_inches, plain, roomy, sheet, tidy
from leukolab.report.figures.palette import AMBER, BLUE, GREEN, GRID, INK, MARKERS, MUTED, ORANGE, PAPER, PURPLE, series

TONES = {"model": BLUE, "ensemble": PURPLE, "rival": ORANGE, "summary": BLUE, "chosen": GREEN}
"""Colour of each kind of member."""

NARROW_LETTERS = 58
"""Letters that stand side by side on a phone."""

MARKS = {"model": "o", "ensemble": "D", "rival": "s", "summary": "o", "chosen": "*"}
"""Shape of each kind of member."""


@dataclass(frozen=True)
class ScoreRow:
    """One line of a comparison: a value with its interval, or dots, or both."""

    label: str
    kind: str
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    dots: tuple[float, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A line through a comparison: a published figure, or what a simple rival reaches."""

    value: float
    label: str
    tone: str = MUTED


Words = Mapping[str, str]
"""What marks and lines mean, by what they are."""

BACKED: Any = {"bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}}
"""Of a text that stands over lines: what lies under it is covered."""


@drawn
def comparison(
    panels: Mapping[str, Sequence[ScoreRow]],
    axis_label: str,
    references: Mapping[str, Reference],
    words: Words,
    narrow: bool = False,
) -> Figure:
    """Members one under another with their intervals, one panel a protocol.

    Args:
        panels: title to rows.
        axis_label: the metric.
        references: title to a line through that panel.
        words: of the legend: each kind of member, `interval`, `dots` and `better_rival`.
        narrow: for a phone: labels above their rows.
    """
    heights = [len(rows) + (0.9 if title in references else 0.25) for title, rows in panels.items()]
    unit = 0.44 if narrow else 0.31
    handles = _meanings([row for rows in panels.values() for row in rows], words)
    width, size = (3.9, 7.4) if narrow else (7.4, 8.5)
    figure = sheet(width, unit * sum(heights) + 0.6 * len(panels) + 0.3 + legend_inches(handles, width, size))
    roomy(figure)
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (title, rows) in zip(grid, panels.items(), strict=True):
        for place, row in enumerate(rows):
            _row(axes, place, row)
        _labels(axes, rows, narrow)
        _best_rival(axes, rows)
        if title in references:
            _reference(axes, references[title], len(rows))
        axes.set_ylim(len(rows) - (0.1 if title in references else 0.5), -0.75)
        if len(panels) > 1 or title:
            axes.set_title(plain(title))
        tidy(axes, "x")
    grid[-1].set_xlabel(axis_label)
    legend_below(figure, handles, size)
    return figure


def _meanings(rows: Sequence[ScoreRow], words: Words) -> list[Line2D]:
    """Handles of the legend: of what these rows have."""
    handles = []
    for kind in dict.fromkeys(row.kind for row in rows if np.isfinite(row.value)):
        size = 11 if kind == "chosen" else 7
        mark: Any = {"marker": MARKS.get(kind, "o"), "color": TONES.get(kind, BLUE), "markersize": size, "mec": PAPER}
        handles.append(Line2D([], [], linestyle="none", label=words.get(kind, kind), **mark))
    if any(np.isfinite(row.low) and np.isfinite(row.high) for row in rows):
        handles.append(Line2D([], [], color=MUTED, linewidth=2.6, label=words["interval"]))
    if any(row.dots for row in rows):
        handles.append(
            Line2D([], [], linestyle="none", marker="o", mew=0, ms=5, color=MUTED, alpha=0.6, label=words["dots"])
        )
    if any(row.kind == "rival" and np.isfinite(row.value) for row in rows):
        handles.append(Line2D([], [], color=ORANGE, linewidth=1.1, linestyle=":", label=words["better_rival"]))
    return handles


def _row(axes: Axes, place: int, row: ScoreRow) -> None:
    """Dots, interval and value of one row."""
    colour = TONES.get(row.kind, BLUE)
    alone = not np.isfinite(row.value)
    if row.dots:
        size, alpha = (6, 0.5) if alone else (4.5, 0.55)
        places = [place + (0 if alone else 0.27)] * len(row.dots)
        axes.plot(row.dots, places, "o", color=colour, alpha=alpha, ms=size, mew=0)
    if np.isfinite(row.low) and np.isfinite(row.high):
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.6, alpha=0.75, solid_capstyle="round")
    if np.isfinite(row.value):
        size = 12 if row.kind == "chosen" else 7.5
        axes.plot(
            row.value, place, MARKS.get(row.kind, "o"), color=colour, markersize=size, mec=PAPER, mew=0.9, zorder=5
        )
        end = max(number for number in (row.value, row.high, *row.dots) if np.isfinite(number))
        axes.annotate(
            f"{row.value:.3f}",
            (end, place),
            (9, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            size=8.5,
            **BACKED,
        )


def _best_rival(axes: Axes, rows: Sequence[ScoreRow]) -> None:
    """A dotted line at the better rival: what a network has to pass."""
    values = [row.value for row in rows if row.kind == "rival" and np.isfinite(row.value)]
    if values:
        axes.axvline(max(values), color=ORANGE, linewidth=1.1, linestyle=":", zorder=0)


def _labels(axes: Axes, rows: Sequence[ScoreRow], narrow: bool) -> None:
    """Names of the rows, at the left or (narrow) above each row."""
    axes.spines["left"].set_visible(False)
    if not narrow:
        axes.set_yticks(range(len(rows)), [plain(row.label) for row in rows])
        axes.tick_params(axis="y", labelcolor=INK)
        return
    axes.set_yticks([])
    for place, row in enumerate(rows):
        size = min(8.5, 8.5 * NARROW_LETTERS / max(1, len(row.label)))
        where = axes.get_yaxis_transform()
        axes.text(0.0, place - 0.42, plain(row.label), transform=where, size=size, va="center", **BACKED)


def _reference(axes: Axes, reference: Reference, rows: int) -> None:
    """A dashed line with its name under the rows."""
    axes.axvline(reference.value, color=reference.tone, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.annotate(
        plain(reference.label),
        (reference.value, rows - 0.45),
        (-5, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        size=8.5,
        color=reference.tone,
        **BACKED,
    )


@dataclass(frozen=True)
class SplitLabels:
    """Words on a figure of splits."""

    split: str
    value: str


@drawn
def by_split(
    panels: Mapping[str, pd.DataFrame], labels: SplitLabels, reference: Reference | None, narrow: bool = False
) -> Figure:
    """Score of every split or block: readings as marks, rivals as bars across the split's place.

    Args:
        panels: title to a frame with outer parts as index and one column a method; `attrs["rivals"]` names the bars.
        labels: words on the axes.
        reference: a published figure, drawn in the first panel.
        narrow: for a phone: panels one under another.
    """
    figure = sheet(3.9, 2.6 * len(panels) + 0.8) if narrow else sheet(7.4, 3.5)
    shape = (len(panels), 1) if narrow else (1, len(panels))
    widths = None if narrow else [len(table) + 1 for table in panels.values()]
    grid = figure.subplots(*shape, squeeze=False, sharey=True, width_ratios=widths).ravel()
    for axes, (title, table) in zip(grid, panels.items(), strict=True):
        _splits(axes, table)
        axes.set_xticks(table.index)
        axes.set_xlim(table.index.min() - 0.6, table.index.max() + 0.6)
        axes.set_title(plain(title))
        axes.set_xlabel(labels.split)
        tidy(axes)
    grid[0].set_ylabel(labels.value)
    if reference:
        label = plain(reference.label)
        grid[0].axhline(reference.value, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label=label)
    found = {text: line for axes in grid for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    across = 3 if not narrow else 2 if max(map(len, found)) < NARROW_LETTERS // 2 - 1 else 1
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=across)
    return figure


def _splits(axes: Axes, table: pd.DataFrame) -> None:
    """Bars of the rivals, and beside each other the marks of the readings."""
    rivals = table.attrs.get("rivals", [])
    readings = [column for column in table.columns if column not in rivals]
    bars = ((AMBER, 2.4), (ORANGE, 4.0))
    for (colour, width), column in zip(bars, rivals, strict=False):
        ends = (table.index - 0.36, table.index + 0.36)
        axes.hlines(table[column], *ends, color=colour, linewidth=width, label=plain(column))
    colours = (BLUE, PURPLE, GREEN, INK)
    for place, column in enumerate(readings):
        shift = 0.2 * (place - (len(readings) - 1) / 2)
        mark = MARKERS[place % len(MARKERS)]
        style: Any = {"color": colours[place % 4], "markersize": 7, "mec": PAPER, "zorder": 4}
        axes.plot(table.index + shift, table[column], mark, label=plain(column), **style)


@drawn
def folds(table: pd.DataFrame, axis_label: str, rate_label: str, words: Words) -> Figure:
    """Scores of fold models in columns, one a learning rate, with their mean as a bar.

    Args:
        table: columns rate (text), fold, value, champion (bool).
        axis_label: the metric.
        rate_label: what the columns are.
        words: of the legend: `champion`, `mean` and `fold`.
    """
    figure = sheet(6.4, 3.1)
    axes = figure.add_subplot()
    rates = list(dict.fromkeys(table["rate"]))
    for place, rate in enumerate(rates):
        rows = table[table["rate"] == rate]
        spread = place + np.linspace(-0.18, 0.18, len(rows))
        mean = float(rows["value"].mean())
        axes.plot([place - 0.3, place + 0.3], [mean, mean], color=series(place), linewidth=2.4, alpha=0.7)
        for x, value, best, fold in zip(spread, rows["value"], rows["champion"], rows["fold"], strict=True):
            axes.plot(x, value, "*" if best else "o", color=series(place), markersize=12 if best else 6.5, mec=PAPER)
            axes.annotate(str(fold), (x, value), (0, 8), textcoords="offset points", ha="center", size=7.5, color=MUTED)
    axes.set_xticks(range(len(rates)), rates)
    axes.set_xlim(-0.6, len(rates) - 0.4)
    axes.set_xlabel(rate_label)
    axes.set_ylabel(axis_label)
    tidy(axes)
    handles = [
        Line2D([], [], color=MUTED, marker="*", markersize=11, mec=PAPER, linestyle="none", label=words["champion"]),
        Line2D([], [], color=MUTED, linewidth=2.4, alpha=0.7, label=words["mean"]),
        Line2D([], [], linestyle="none", label=words["fold"]),
    ]
    legend_below(figure, handles)
    return figure


@drawn
def curves(
    panels: Mapping[str, Mapping[str, pd.DataFrame]], axis_labels: tuple[str, str], score: str, chance: str
) -> Figure:
    """ROC or precision-recall curves, one panel a group of members.

    Args:
        panels: title to curves by label, each a frame with columns x and y.
        axis_labels: under the panels, and beside them.
        score: what the number after each label is.
        chance: what the diagonal is called; it is not drawn where empty.
    """
    most = max(len(lines) for lines in panels.values())
    longest = max(len(label) for lines in panels.values() for label in lines)
    size = min(7.2, (7.4 * 72 / len(panels) - 24) / (LETTER_EM * longest))
    above, below = (2.9 if len(panels) > 1 else 4.6), 0.45 + 0.0185 * size * most
    figure = sheet(7.4, above + below)
    roomy(figure)
    _kept_free(figure, below / (above + below))
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (title, lines) in zip(grid, panels.items(), strict=True):
        if chance:
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
            axes.text(0.97, 0.9, plain(chance), rotation=45, ha="right", va="top", size=7, color=MUTED)
        for number, (label, points) in enumerate(lines.items()):
            style = ("-", "--", "-.", ":")[number // 6 % 4] if number >= 6 else "-"
            axes.plot(points["x"], points["y"], style, color=series(number), linewidth=1.4, label=plain(label))
        axes.set_title(plain(title), size=8.5)
        axes.set_xlabel(axis_labels[0], size=8)
        axes.set_box_aspect(1)
        _named(axes, score, size)
        tidy(axes, "both")
    grid[0].set_ylabel(axis_labels[1], size=8)
    return figure


def _kept_free(figure: Figure, share: float) -> None:
    """Keep this share of a figure, at its foot, free of panels."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, share, 1, 1 - share))


def _named(axes: Axes, heading: str, size: float) -> None:
    """The lines of a panel named under it, at the foot of the figure; no room is made for this."""
    assert axes.figure is not None
    below = axes.transAxes + ScaledTranslation(0, -0.58, axes.figure.dpi_scale_trans)  # inches, for the axis label
    style: Any = {"fontsize": size, "title_fontsize": size, "handlelength": 1.6, "labelspacing": 0.25}
    place: Any = {"loc": "upper left", "bbox_to_anchor": (-0.06, 0), "bbox_transform": below, "alignment": "left"}
    axes.legend(title=plain(heading), **style, **place).set_in_layout(False)


@drawn
def differences(table: pd.DataFrame, axis_label: str, words: Words, narrow: bool = False) -> Figure:
    """Forest plot of differences with intervals around nought.

    Args:
        table: columns group, label, difference, low, high.
        axis_label: what the difference is of.
        words: of the legend: `without_nought` and `with_nought`.
        narrow: for a phone: labels above their rows.
    """
    figure = sheet(3.9 if narrow else 7.0, 0.85 + (0.44 if narrow else 0.33) * len(table))
    axes = figure.add_subplot()
    axes.axvline(0, color=MUTED, linewidth=1)
    groups = list(dict.fromkeys(table["group"]))
    for place, row in enumerate(table.to_dict("records")):
        _difference(axes, place, row, groups.index(row["group"]))
    _labels(axes, [ScoreRow(str(text), "difference") for text in table["label"]], narrow)
    axes.set_ylim(len(table) - 0.4, -0.75)
    axes.set_xlabel(axis_label)
    tidy(axes, "x")
    shape: Any = {"marker": "o", "color": MUTED, "linewidth": 2.2, "markersize": 7, "mew": 1.4}
    handles = [Line2D([], [], mfc=MUTED, label=words["without_nought"], **shape)]
    handles.append(Line2D([], [], mfc=PAPER, label=words["with_nought"], **shape))
    legend_below(figure, handles, 7.4 if narrow else 8.5)
    return figure


def _difference(axes: Axes, place: int, row: Mapping[Any, Any], number: int) -> None:
    """One interval; its mark is filled where nought lies outside."""
    low, high, middle = (float(row[key]) for key in ("low", "high", "difference"))
    axes.plot([low, high], [place, place], color=series(number), linewidth=2.2, solid_capstyle="round")
    face = series(number) if low > 0 or high < 0 else PAPER
    axes.plot(middle, place, MARKERS[number % 6], color=series(number), mfc=face, markersize=7, mew=1.4)

"""Figures of a search, looked at as the text of their SVG."""

from __future__ import annotations

import pandas as pd

from leukolab.report.figures.canvas import svg_of
from leukolab.report.figures.search import Axis, history, slices

VALUES = pd.Series([0.5, float("nan"), 0.8, 0.7], index=[1, 2, 3, 4])
SETTINGS = {"rate": [1e-4, 1e-3, 1e-2, 1e-5], "release": [2, None, "$all$", 2], "size": [16, 32, 16, 64]}
AXES = [Axis("rate", log=True), Axis("release", choices=(2, None, "$all$")), Axis("size")]


def test_the_history_shows_trials_and_the_best_so_far() -> None:
    figure = history(VALUES, "Log loss", higher=False)
    best, trials = figure.axes[0].get_lines()
    assert best.get_ydata().tolist() == [0.5, 0.5, 0.5, 0.5]
    assert history(VALUES, "Kappa", higher=True).axes[0].get_lines()[0].get_ydata().tolist() == [0.5, 0.5, 0.8, 0.8]
    assert trials.get_xdata().tolist() == [1, 2, 3, 4]
    text = svg_of(figure)
    assert all(word in text for word in ("Log loss", "best so far", ">trial<"))
    assert text == svg_of(history(VALUES, "Log loss", higher=False))


def test_each_setting_has_a_panel_with_its_own_axis() -> None:
    figure = slices(VALUES, SETTINGS, AXES, "Kappa")
    rate, release, size = figure.axes
    assert [axes.get_xlabel() for axes in figure.axes] == ["rate", "release", "size"]
    assert (rate.get_xscale(), size.get_xscale()) == ("log", "linear")
    assert [label.get_text() for label in release.get_xticklabels()] == ["2", "None", r"\$all\$"]
    places = release.collections[0].get_offsets()
    assert places[:, 0].tolist() == [0, None, 2, 0]  # the diverged one has no place
    assert "Kappa" in svg_of(figure)


def test_one_trial_and_one_setting_make_a_figure_too() -> None:
    figure = slices(VALUES[:1], {"rate": [0.1]}, AXES[:1], "Kappa")
    assert len(figure.axes) == 1
    assert "<svg" in svg_of(figure)

"""Small pieces of the report, each by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leukolab.report.figures.canvas import inline_svg, sheet, svg_of
from leukolab.report.figures.palette import INK
from leukolab.report.items import Column, Sheet, written
from leukolab.report.names import method_of, rate_text
from leukolab.report.tables.common import latex
from leukolab.stats import calls


@pytest.mark.parametrize(("rate", "text"), [(1e-3, "0.001"), (1e-5, "0.00001"), (0.0, "0")])
def test_learning_rates_are_written_out(rate, text):
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("member", "method"),
    [
        ("rival:colour:published:outer3", "colour"),
        ("rival:colour:published", "colour"),
        ("published/frozen", "frozen"),
        ("published/two_stage/lr0.001", "two_stage:lr0.001"),
    ],
)
def test_method_of_a_member(member, method):
    assert method_of(member, "published") == method


def test_half_is_class_one_of_two_and_the_likeliest_of_several():
    assert calls(np.array([[0.5, 0.5], [0.6, 0.4]])).tolist() == [1, 0]
    assert calls(np.array([[0.2, 0.5, 0.3]])).tolist() == [1]


def test_missing_values_are_a_dash():
    assert written(float("nan"), "score") == "–"
    assert written(None, "text") == "–"
    assert written(0.0004, "p") == "< 0.001"


def test_latex_escapes_data_and_caption():
    sheet_ = Sheet("x_y", pd.DataFrame({"name": ["a_b & 50% $x$"]}), (Column("name", "Na_me", "text"),))
    text = latex(sheet_, "All #1 & more")
    assert r"a\_b \& 50\% \$x\$" in text
    assert r"All \#1 \& more" in text
    assert r"\toprule" in text
    assert r"\label{tab:x-y}" in text


def test_inline_svg_takes_the_colours_of_the_page():
    figure = sheet(2, 1)
    figure.text(0.5, 0.5, "T", color=INK)
    svg = inline_svg(svg_of(figure), "one", "What it shows")
    assert "var(--ink)" in svg
    assert "http" not in svg
    assert 'aria-label="What it shows"' in svg
    assert 'id="one-' in svg

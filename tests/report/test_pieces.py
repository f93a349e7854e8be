"""Small pieces of the report, each by itself."""

from __future__ import annotations

import pandas as pd
import pytest

from leukolab.report.figures.canvas import inline_svg, sheet, svg_of
from leukolab.report.figures.palette import INK
from leukolab.report.items import Column, Sheet, written
from leukolab.report.names import rate_text
from leukolab.report.tables.common import latex
from leukolab.report.texts import Texts, load_texts

TEXTS = load_texts("en")
COMMA = Texts("id", {"language.decimal": ","})


@pytest.mark.parametrize(("rate", "text"), [(1e-3, "0.001"), (1e-5, "0.00001"), (0.0, "0")])
def test_learning_rates_are_written_out(rate, text):
    assert rate_text(rate, TEXTS) == text


def test_missing_values_are_a_dash():
    assert written(float("nan"), "score", TEXTS) == "–"
    assert written(None, "text", TEXTS) == "–"
    assert written(0.0004, "p", TEXTS) == "< 0.001"


@pytest.mark.parametrize(
    ("value", "form", "text"), [(0.1234, "score", "0,123"), (0.0004, "p", "< 0,001"), (1e-4, "rate", "0,0001")]
)
def test_numbers_of_a_table_are_written_as_the_language_does(value, form, text):
    assert written(value, form, COMMA) == text


def test_latex_escapes_data_and_caption():
    sheet_ = Sheet("x_y", pd.DataFrame({"name": ["a_b & 50% $x$"]}), (Column("name", "Na_me", "text"),))
    text = latex(sheet_, "All #1 & more", TEXTS)
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

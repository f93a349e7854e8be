"""A sheet to draw on, and its ways out: SVG and PNG files, and SVG that takes the page's colours."""

from __future__ import annotations

import functools
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from leukolab.base.files import atomic, write_text
from leukolab.base.signs import in_xml
from leukolab.report.figures.palette import GRID, INK, MUTED, PAPER, VARIABLES
from leukolab.report.texts import Texts

P = ParamSpec("P")
T = TypeVar("T")

_NUMBER = re.compile(r"[-+\u2212]?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?")
LETTER_EM = 0.62
"""Width of a letter in units of its size, taken a little wide: a browser's letters differ from matplotlib's."""
PNG_DPI = 300
"""Resolution of the PNG files: what printers of theses ask for."""

SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "patch.linewidth": 0.8,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "leukolab",
}


def drawn(function: Callable[P, T]) -> Callable[P, T]:
    """Draw inside this room's settings; matplotlib's own are as before when the function returns."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(SETTINGS):
            return function(*args, **kwargs)

    return inside


def sheet(width: float, height: float) -> Figure:
    """An empty figure of that many inches, without pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    FigureCanvasAgg(figure)
    return figure


def legend_below(figure: Figure, handles: Sequence[Artist], size: float = 8.5) -> None:
    """A legend under all panels, in as many columns as its words leave room for; `legend_inches` is its height."""
    figure.legend(
        handles=handles, loc="outside lower center", ncols=_columns(handles, figure.get_figwidth(), size), fontsize=size
    )


def legend_inches(handles: Sequence[Artist], width: float, size: float = 8.5) -> float:
    """Height of a legend under a figure of `width` inches."""
    return 0.1 + 0.023 * size * -(-len(handles) // _columns(handles, width, size))


def _columns(handles: Sequence[Artist], width: float, size: float) -> int:
    """Columns of a legend: as many as the longest words fit into, in a browser's wider letters too."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    return max(1, min(len(handles), 4, int(width * 72 / (size * (LETTER_EM * longest + 4.5)))))


def roomy(figure: Figure) -> None:
    """More air around each panel."""
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.12, h_pad=0.1)


def plain(text: object) -> str:
    """Text of the data as it is: no dollar sign begins a formula."""
    return str(text).replace("$", r"\$")


def folded(text: object, inches: float, size: float) -> str:
    """Text of the data in as many lines as `inches` ask for, in letters of that size in points."""
    letters = max(6, int(inches * 72 / (size * LETTER_EM)))
    return "\n".join(textwrap.wrap(plain(text), letters, break_long_words=False)) or plain(text)


def tidy(axes: Axes, grid: str = "y") -> None:
    """Grid lines along `grid` ("x", "y" or "both"), no more."""
    axes.grid(True, axis=grid)  # type: ignore[arg-type]


def no_frame(axes: Axes) -> None:
    """Hide spines, ticks and their labels."""
    axes.set_axis_off()


@drawn
def svg_of(figure: Figure) -> str:
    """The figure as an SVG document, the same bytes each time."""
    stream = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    FigureCanvasSVG(figure).print_svg(stream, metadata=metadata)  # type: ignore[no-untyped-call]  # `savefig` draws twice
    return in_xml(stream.getvalue())


def write_figure(figure: Figure, folder: Path, name: str) -> str:
    """Write `name.svg`, `name.pdf` and `name.png` (300 dpi, on white) into `folder`; return the SVG text."""
    svg = svg_of(figure)
    write_text(folder / f"{name}.svg", svg)
    figure.set_layout_engine("none")  # the places found for the SVG are kept
    with mpl.rc_context(SETTINGS), atomic(folder / f"{name}.pdf") as temporary:
        metadata = {"CreationDate": None, "Producer": None, "Creator": None}
        FigureCanvasPdf(figure).print_pdf(temporary, metadata=metadata)  # type: ignore[no-untyped-call]
    with mpl.rc_context(SETTINGS), atomic(folder / f"{name}.png") as temporary:
        figure.set(dpi=PNG_DPI, facecolor="white")
        FigureCanvasAgg(figure).print_png(temporary, pil_kwargs={"compress_level": 3})  # type: ignore[no-untyped-call]
    return svg


def localised(figure: Figure, texts: Texts) -> Figure:
    """The figure with numbers on axes and marks written as the language of the texts does; others stay as they are.

    Whoever draws writes a text that is a number alone in English form.
    """
    if texts.localised("0.5") == "0.5":
        return figure
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, _Localised):  # panels that share an axis share its formatter
            continue
        labels = formatter.format_ticks(list(axis.get_majorticklocs()))
        if any(_NUMBER.fullmatch(label) for label in labels):
            axis.set_major_formatter(_Localised(formatter, texts))
    for text in figure.findobj(Text):
        if _NUMBER.fullmatch(text.get_text()):
            text.set_text(texts.localised(text.get_text()))
    return figure


class _Localised(Formatter):
    """Another formatter's labels with their numbers localised."""

    def __init__(self, inner: Formatter, texts: Texts) -> None:
        self.inner, self.texts = inner, texts

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.texts.localised(self.inner(x, pos))

    def format_ticks(self, values: list[float]) -> list[str]:
        return [self.texts.localised(label) for label in self.inner.format_ticks(values)]

    def set_locs(self, locs: Any) -> None:
        self.inner.set_locs(locs)


def inline_svg(svg: str, name: str, alt: str) -> str:
    """An SVG element for the page: its ids are its own, its colours are the page's variables.

    Args:
        svg: a document of `svg_of`.
        name: prefix of every id, unique in the page.
        alt: what the figure shows, for those who cannot see it; must be escaped already.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", body)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    body = re.sub(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"', _sized, body, count=1)
    return body.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)


def _sized(match: re.Match[str]) -> str:
    """Natural width in CSS pixels as a variable, so that the page can let it shrink."""
    return f'<svg style="--natural:{float(match[1]) * 5 / 3:.0f}px"'


__all__ = [
    "LETTER_EM",
    "PAPER",
    "drawn",
    "folded",
    "inline_svg",
    "legend_below",
    "legend_inches",
    "localised",
    "no_frame",
    "plain",
    "roomy",
    "sheet",
    "svg_of",
    "tidy",
    "write_figure",
]

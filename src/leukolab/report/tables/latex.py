"""Tables in LaTeX that fit an A4 page: smaller, wrapped, turned or split where they must be.

A file compiles alone with pdflatex, and can be read into a document with `\\input`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from leukolab.report.items import Column, Sheet, cells
from leukolab.report.texts import Texts

ROWS_OF_A_PAGE = 28
"""More rows, counted in lines, make a table that runs over pages."""
MOST_ROWS = 400
"""Rows that are written; a longer table belongs into a file, not on paper."""
SIZES = {"normalsize": 10.0, "small": 9.0, "footnotesize": 8.0, "scriptsize": 7.0}
"""Sizes of letters in points, largest first."""
WIDER = {"normalsize": 1.0, "small": 1.03, "footnotesize": 1.065, "scriptsize": 1.14}
"""How much wider the letters of a size are drawn than the normal ones made smaller."""
PORTRAIT_PT, LANDSCAPE_PT = 450.0, 690.0
"""Width for a table on A4 with margins of 25 mm (455 and 702 points), and a little less."""
GAP_PT = 8.0
"""Between two columns: twice `\\tabcolsep`."""
SPARE = 1.04
"""Measured widths are taken so many times: bold heads and rounding."""
UNKNOWN = "MMM"
"""As wide as the code of a letter that pdflatex does not know, and wider than any other sign."""
LONGEST_WORD = 24
"""Letters of a word past which it may be broken anywhere."""

PACKAGES = r"""\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern,textcomp,geometry,array,booktabs,longtable,pdflscape}
\geometry{margin=25mm}"""
HEAD = rf"""\makeatletter
\ifx\@nodocument\relax\let\TableEnd\relax\else
\documentclass[a4paper,10pt]{{article}}
{PACKAGES}
\begin{{document}}
\def\TableEnd{{\end{{document}}}}
\fi
\makeatother
"""
"""Begins a document where there is none yet."""
TAIL = "\\TableEnd\n"

SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
SIGNS |= {">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "\u2212": "$-$", "\u202f": r"\,"}
SIGNS |= {"\u00a0": "~", "\u2265": r"$\geq$", "\u2264": r"$\leq$", "\u2248": r"$\approx$", "\u2192": r"$\rightarrow$"}
SIGNS |= {"\u2605": r"$\star$", "\u03bb": r"$\lambda$", "\u03b1": r"$\alpha$", "\u03c4": r"$\tau$", "\u00b2": "$^2$"}
SIGNS |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
KNOWN = "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u00b1\u00d7\u00b5\u00b7\u00b0"
"""Other signs that pdflatex sets as they are."""


Widths = tuple[float | None, ...]
"""Width of each column in points; None where it is as wide as its widest cell."""


@dataclass(frozen=True)
class Layout:
    """How a table is set: its size of letters, its columns, whether the page is turned."""

    size: str
    widths: Widths
    turned: bool = False


def latex(sheet: Sheet, title: str, texts: Texts) -> str:
    """The table as LaTeX with the packages booktabs, longtable, array and pdflscape.

    Args:
        sheet: its columns as the page shows them.
        title: the caption.
    """
    body = cells(sheet, texts)[:MOST_ROWS]
    label = f"tab:{sheet.key}{sheet.suffix}".replace("_", "-")
    pieces = list(_pieces(sheet.columns, body))
    tables = []
    for number, places in enumerate(pieces, start=1):
        columns = [sheet.columns[place] for place in places]
        rows = [[row[place] for place in places] for row in body]
        part = "" if len(pieces) == 1 else f" ({number}/{len(pieces)})"
        tables.append(_table(columns, rows, f"{escaped(title)}{part}", label if number == 1 else f"{label}-{number}"))
    return HEAD + "\n".join(tables) + TAIL


def escaped(text: str) -> str:
    """Text that LaTeX sets as it reads; letters that pdflatex does not know are named by their code."""
    return "".join(_sign(sign) for sign in text)


def _sign(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    if sign < " " or sign == "\u007f":
        return f"[U+{ord(sign):04X}]"
    if sign < "\u0080" or sign in KNOWN or unicodedata.normalize("NFD", sign)[0] < "\u0080":
        return sign
    plain = unicodedata.normalize("NFKC", sign)
    return plain if plain < "\u0080" else f"[U+{ord(sign):04X}]"


def _table(columns: Sequence[Column], rows: list[list[str]], caption: str, label: str) -> str:
    layout = _layout(columns, rows)
    shape = "".join(_shape(column, width) for column, width in zip(columns, layout.widths, strict=True))
    head = " & ".join(_cell(column.header) for column in columns) + r" \\"
    body = "\n".join(" & ".join(map(_cell, row)) + r" \\" for row in rows)
    named = f"\\caption{{{caption}}}\\label{{{label}}}"
    small = f"\\{layout.size}\\setlength{{\\tabcolsep}}{{{GAP_PT / 2:g}pt}}"
    if _lines(columns, rows, layout) <= ROWS_OF_A_PAGE and not layout.turned:
        inner = f"\\begin{{tabular}}{{{shape}}}\n\\toprule\n{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}"
        return f"\\begin{{table}}[htbp]\n\\centering{small}\n{named}\n{inner}\n\\end{{table}}\n"
    inner = f"\\begin{{longtable}}{{{shape}}}\n{named}\\\\\n\\toprule\n{head}\n\\midrule\n\\endfirsthead\n"
    inner += f"\\toprule\n{head}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}"
    inner = f"\\begingroup{small}\n{inner}\n\\endgroup"
    return f"\\begin{{landscape}}\n{inner}\n\\end{{landscape}}\n" if layout.turned else f"{inner}\n"


def _shape(column: Column, width: float | None) -> str:
    if width is None:
        return "r" if column.numeric else "l"
    side = r"\raggedleft" if column.numeric else r"\raggedright"
    return f">{{{side}\\arraybackslash}}p{{{width:.1f}pt}}"


def _cell(text: str) -> str:
    """One cell; long words may be broken after a sign, else after every eighth letter."""
    return " ".join(r"\allowbreak{}".join(map(escaped, _broken(word))) for word in text.split(" "))


def _broken(word: str) -> list[str]:
    if len(word) <= LONGEST_WORD:
        return [word]
    parts = re.findall(r"[^/_.,:=+-]*[/_.,:=+-]?", word)
    return [part[at : at + 8] for part in parts for at in range(0, len(part), 8)]


def _layout(columns: Sequence[Column], rows: list[list[str]]) -> Layout:
    """The largest letters with which the columns fit, wrapped where that is needed; turned last."""
    for room, sizes in ((PORTRAIT_PT, list(SIZES)), (LANDSCAPE_PT, list(SIZES)[1:])):
        for size in sizes:
            widths = _fitted(columns, rows, size, room)
            if widths is not None:
                return Layout(size, widths, room == LANDSCAPE_PT)
    least = tuple(_least(column, [row[at] for row in rows], "scriptsize") for at, column in enumerate(columns))
    return Layout("scriptsize", least, True)


def _fitted(
    columns: Sequence[Column], rows: list[list[str]], size: str, room: float
) -> tuple[float | None, ...] | None:
    """Width of each column that wraps, None of those that need not; None where the columns do not fit."""
    natural = [_natural(column, [row[at] for row in rows], size) for at, column in enumerate(columns)]
    least = [_least(column, [row[at] for row in rows], size) for at, column in enumerate(columns)]
    room -= GAP_PT * len(columns)
    if sum(natural) <= room:
        return (None,) * len(columns)
    if sum(least) > room or sum(natural) > 4 * room:
        return None
    taken = list(least)
    while (spare := room - sum(taken)) > 1:
        hungry = [at for at in range(len(taken)) if taken[at] < natural[at]]
        share = spare / len(hungry)
        for at in hungry:
            taken[at] = min(natural[at], taken[at] + share)
    return tuple(None if taken[at] >= natural[at] else taken[at] for at in range(len(taken)))


def _pieces(columns: Sequence[Column], rows: list[list[str]]) -> Iterator[list[int]]:
    """Places of the columns of each table; several where even a turned page is too narrow, keys in each."""
    keys = [at for at, column in enumerate(columns) if not column.numeric]
    others = [at for at, column in enumerate(columns) if column.numeric]
    least = [_least(column, [row[at] for row in rows], "scriptsize") + GAP_PT for at, column in enumerate(columns)]
    if sum(least) <= LANDSCAPE_PT or not others:
        yield list(range(len(columns)))
        return
    room, piece = LANDSCAPE_PT - sum(least[at] for at in keys), list[int]()
    for at in others:
        if piece and sum(least[place] for place in piece) + least[at] > room:
            yield sorted([*keys, *piece])
            piece = []
        piece.append(at)
    yield sorted([*keys, *piece])


def _natural(column: Column, texts: Sequence[str], size: str) -> float:
    """Width of the widest cell in points."""
    return max(_width(text, size) for text in {column.header, *texts})


def _least(column: Column, texts: Sequence[str], size: str) -> float:
    """Width of the widest piece that cannot be broken; numbers are never broken."""
    words = {piece for text in {column.header, *texts} for word in text.split(" ") for piece in _broken(word)}
    whole = max((_width(text, size) for text in texts), default=0.0) if column.numeric else 0.0
    return max(whole, *(_width(word, size) for word in words))


def _lines(columns: Sequence[Column], rows: list[list[str]], layout: Layout) -> float:
    """About how many lines the body takes, counted at the normal size."""
    lines = 0.0
    for row in rows:
        each = [1.0 if w is None else _width(text, layout.size) / w for text, w in zip(row, layout.widths, strict=True)]
        lines += max(1.0, *(float(-(-needed // 1)) + (needed > 1) for needed in each))
    return lines * SIZES[layout.size] / SIZES["normalsize"]


@functools.lru_cache(maxsize=4096)
def _width(text: str, size: str) -> float:
    """Width in points, in Computer Modern."""
    font = FontProperties(family="cmr10", size=SIZES[size])
    signs = (unicodedata.normalize("NFKD", sign)[0] for sign in text)
    plain = "".join(sign if sign < "\u0080" else UNKNOWN for sign in signs)
    width, _, _ = TextToPath().get_text_width_height_descent(plain, font, ismath=False)
    return float(width) * WIDER[size] * SPARE

"""Runs or files of predictions against each other: lines for the terminal, and one page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.base.files import make_folder, write_text
from leukolab.base.marks import mark_new
from leukolab.report.figures.scores import differences
from leukolab.report.hypotheses import answer
from leukolab.report.items import Drawing, Item, Sheet
from leukolab.report.page import Writer
from leukolab.report.tables.common import DIFFERENCE, columns_of
from leukolab.report.template import filled, style
from leukolab.report.texts import Texts, load_texts
from leukolab.results.compare import Comparison

PAGE = "compare.html"


def lines(found: Comparison, texts: Texts) -> Iterator[str]:
    """The comparison for the terminal: each value, the answer to each pair, what it rests on."""
    yield texts("compare.kicker", metric="balanced_accuracy", unit=_unit(found))
    wide = max(len(name) for name in found.values)
    for name, value in found.values.items():
        yield f"{name:{wide}}  {texts.number(value, '.4f')}"
    yield from _sentences(found, texts)


def write_page(found: Comparison, out: Path, language: str = "en") -> Path:
    """Write `compare.html` into the folder `out`, its tables and figure beside it.

    Raises:
        SpecError: there are no texts in that language.
        StorageError: the folder cannot be written.
    """
    texts = load_texts(language)
    writer = Writer(mark_new(make_folder(out)), texts, "")
    blocks = [writer.block(item) for item in _items(found, texts)]
    content = {
        "t": texts,
        "names": list(found.values),
        "kicker": texts("compare.kicker", metric="balanced_accuracy", unit=_unit(found)),
        "sentences": list(_sentences(found, texts)),
        "blocks_shown": blocks,
        "style": style(),
    }
    page = filled("compare.html.j2", content)
    write_text(out / PAGE, page)
    return out / PAGE


def _unit(found: Comparison) -> str:
    return "subject" if found.subjects_known else "image"


def _sentences(found: Comparison, texts: Texts) -> Iterator[str]:
    for first, second, one in found.pairs:
        yield answer(asdict(one), first, second, texts)
    yield from (texts.finding(finding) for finding in found.findings)


def _items(found: Comparison, texts: Texts) -> Iterator[Item]:
    metric = texts.name("metrics", "balanced_accuracy")
    unit = texts.name("units", _unit(found))
    values = {"metric": metric, "unit": unit}
    scores = pd.DataFrame([{"contender": name, "value": value} for name, value in found.values.items()])
    yield Sheet("compared", scores, columns_of(texts, ("contender", "text"), ("value", "score")), values=values)
    pairs = pd.DataFrame([_row(pair, texts) for pair in found.pairs])
    columns = columns_of(
        texts,
        ("comparison", "text"),
        *DIFFERENCE,
    )
    yield Sheet("compared_pairs", pairs, columns, values=values)
    drawn = pairs[pairs["low"].notna()].assign(group="", label=pairs["comparison"])
    if len(drawn):
        label, words = texts("axes.difference", metric=metric), texts.group("legend")
        yield Drawing(
            "compared_pairs",
            lambda: differences(drawn, label, words),
            narrow=lambda: differences(drawn, label, words, narrow=True),
            values=values,
        )


def _row(pair: tuple[str, str, Any], texts: Texts) -> dict[str, Any]:
    first, second, one = pair
    numbers = {name: value for name, value in asdict(one).items() if name != "notes"}
    return {"comparison": texts("findings.hypothesis.difference", first=first, second=second), **numbers}

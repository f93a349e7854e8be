"""The page and its side files: every item is written once, then shown."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from leukolab.base.errors import SpecError, nearest
from leukolab.base.files import make_folder, write_text
from leukolab.base.marks import mark_new
from leukolab.report import about, chosen
from leukolab.report.figures.canvas import inline_svg, localised, svg_of, write_figure
from leukolab.report.figures.headline import headline
from leukolab.report.figures.pictures import Thumbnail
from leukolab.report.hypotheses import in_words
from leukolab.report.items import Drawing, Gallery, Item, Section, Sheet, cells
from leukolab.report.names import Names
from leukolab.report.paragraph import methods_paragraph
from leukolab.report.run import Run, read_run, without_folders
from leukolab.report.sections import AFTER_RUN, SECTIONS, Scene
from leukolab.report.tables.common import write_csv, write_sheet
from leukolab.report.tables.subjects import first_sheet
from leukolab.report.template import filled, style
from leukolab.report.texts import Texts, load_texts
from leukolab.results.folder import RunFolder

FIGURE_ENDINGS = ("svg", "pdf", "png")
"""Files of each figure."""

LONG = 40
"""Rows past which a table is folded away until it is asked for."""


@dataclass
class Writer:
    """Writes items into the report's folder and counts figures and tables."""

    folder: Path
    texts: Texts
    labels: str
    """Whose numbers figures and tables bear too, such as a thesis'; none where empty."""
    numbers: dict[str, int] = field(default_factory=lambda: {"figure": 0, "table": 0})

    def block(self, item: Item) -> dict[str, Any]:
        """Write the side files of `item`; return what the template shows of it."""
        if isinstance(item, Sheet):
            return self._sheet(item)
        return self._drawing(item) if isinstance(item, Drawing) else self._gallery(item)

    def _drawn(self, draw: Callable[[], Figure]) -> Figure:
        """A figure with its numbers written as the language does."""
        return localised(draw(), self.texts)

    def _heading(self, item: Item, kind: str) -> dict[str, Any]:
        """Number, title and caption."""
        self.numbers[kind] += 1
        number = self.texts(f"page.{kind}_number", number=self.numbers[kind])
        title = self.texts.item(item.key, "title", **item.values)
        if item.suffix:
            title = f"{title} ({self.texts.name('protocols', item.suffix.lstrip('_'))})"
        label = self.texts.item(item.key, f"label_{self.labels}") if self.labels else ""
        caption = self.texts.item(item.key, "note" if kind == "table" else "caption", **item.values)
        caption = f"{caption} {item.values.get('of_part', '')}".strip()
        name = f"{item.key}{item.suffix}"
        return {
            "id": f"{kind}-{name}".replace("_", "-"),
            "name": name,
            "number": number,
            "title": title,
            "label": label,
            "caption": caption,
        }

    def _sheet(self, sheet: Sheet) -> dict[str, Any]:
        heading = self._heading(sheet, "table")
        write_sheet(sheet, self.folder / RunFolder.TABLES, heading["title"], self.texts)
        body = cells(sheet, self.texts)
        files = [f"{RunFolder.TABLES}/{heading['name']}.{ending}" for ending in ("csv", "tex")]
        return heading | {
            "type": "table",
            "columns": sheet.columns,
            "rows": body,
            "strong": sheet.strong,
            "folded": len(body) > LONG,
            "files": files,
        }

    def _drawing(self, drawing: Drawing) -> dict[str, Any]:
        heading = self._heading(drawing, "figure")
        alt = str(escape(heading["title"]))
        svg = write_figure(self._drawn(drawing.draw), self.folder / RunFolder.FIGURES, heading["name"])
        wide = Markup(inline_svg(svg, heading["id"], alt))  # our own SVG, its texts escaped by matplotlib
        narrow = None
        if drawing.narrow:
            narrow = Markup(inline_svg(svg_of(self._drawn(drawing.narrow)), f"{heading['id']}-narrow", alt))
        return heading | {
            "type": "figure",
            "svg": wide,
            "narrow": narrow,
            "least": drawing.least_px,
            "files": [*_figure_files(heading), *self._numbers(drawing.frame, heading)],
        }

    def _gallery(self, gallery: Gallery) -> dict[str, Any]:
        heading = self._heading(gallery, "figure")
        files = []
        if gallery.draw:
            write_figure(self._drawn(gallery.draw), self.folder / RunFolder.FIGURES, heading["name"])
            files = _figure_files(heading)
        files += self._numbers(gallery.frame, heading)
        return heading | {"type": "gallery", "rows": gallery.rows, "files": files}

    def _numbers(self, frame: pd.DataFrame | None, heading: dict[str, Any]) -> list[str]:
        """What a figure or gallery shows, written as CSV where there is a frame of it."""
        if frame is None:
            return []
        write_csv(frame, self.folder / RunFolder.TABLES, heading["name"])
        return [f"{RunFolder.TABLES}/{heading['name']}.csv"]


def _figure_files(heading: dict[str, Any]) -> list[str]:
    return [f"{RunFolder.FIGURES}/{heading['name']}.{ending}" for ending in FIGURE_ENDINGS]


def write_report(run: RunFolder, thumbnail: Thumbnail, out: Path | None = None, language: str = "en") -> Path:
    """Write the report of a finished run: one HTML file, and beside it tables, figures and a methods paragraph.

    Args:
        run: a finished run folder.
        thumbnail: image id to its picture, uint8 (h, w, 3).
        out: folder of the report; inside the run where None.
        language: of the texts.

    Returns:
        Path of the page.

    Raises:
        RunError: the folder is not that of a finished run.
        SpecError: there are no texts in that language, or the study names a section that does not exist.
        StorageError: the report's folder cannot be written.
    """
    texts = load_texts(language)
    shown = read_run(run)
    folder = mark_new(make_folder(out)) if out else make_folder(run.page.parent)
    scene = Scene(shown, Names.of(run, texts), texts, functools.lru_cache(maxsize=512)(thumbnail))
    writer = Writer(folder, texts, shown.spec.report.labels)
    first = writer.block(headline(shown, scene.names, texts))
    table = first_sheet(shown, scene.names, texts)
    screen = [writer.block(table)] if table else []
    built = [section_of(name)(scene) for name in dict.fromkeys([*shown.spec.report.sections, *AFTER_RUN])]
    sections = [_section(section, writer) for section in built if section.items]
    paragraph = methods_paragraph(shown, scene.names, texts)
    write_text(folder / RunFolder.PARAGRAPH, paragraph)
    page = folder / RunFolder.PAGE
    write_text(page, _render(scene, [*screen, first], sections, paragraph))
    return page


def section_of(name: str) -> Callable[[Scene], Section]:
    """What builds the section of that name.

    Raises:
        SpecError: there is none; the nearest is named.
    """
    if name not in SECTIONS:
        raise SpecError(f"report.sections: '{name}' is not known. {nearest(name, SECTIONS)}")
    return SECTIONS[name]


def _section(section: Section, writer: Writer) -> dict[str, Any]:
    """A section with its items written."""
    texts = writer.texts
    return {
        "id": section.key.replace("_", "-"),
        "title": texts(f"sections.{section.key}.title"),
        "lead": texts.entries.get(f"sections.{section.key}.lead", ""),
        "blocks": [writer.block(item) for item in section.items],
    }


def _render(scene: Scene, first: list[dict[str, Any]], sections: list[dict[str, Any]], paragraph: str) -> str:
    """The page as text."""
    run, texts, names = scene.run, scene.texts, scene.names
    content = {
        "t": texts,
        "run": run,
        "study": about.words_of(run, names, texts),
        "limits": about.limits(run, names, texts),
        "glossary": about.glossary(run, texts),
        "first": first,
        "sections": sections,
        "hypotheses": _hypotheses(scene),
        "badges": _badges(run, texts),
        "settings": json.dumps(without_folders(run.spec.model_dump(mode="json")), indent=2, ensure_ascii=False),
        "paragraph": paragraph,
        "style": style(),
        "answers": [names.finding(finding) for finding in run.answers.headline],
        "warnings": [names.finding(finding) for finding in run.answers.warnings],
    }
    page = filled("report.html.j2", content)
    return re.sub(r"\n\s*\n+", "\n", page)


def _hypotheses(scene: Scene) -> list[dict[str, Any]]:
    """The hypotheses by protocol and outer part, the corrected ones first; named where there are several."""
    run, table = scene.run, in_words(chosen.answered(scene.run), scene.texts)
    order = table["protocol"].map({name: number for number, name in enumerate(run.protocols[::-1])})
    places = list(table.assign(order=order).groupby(["order", "outer"], sort=True))
    return [
        {
            "place": _place(rows.iloc[0], scene.texts) if len(places) > 1 else "",
            "rows": rows.to_dict("records"),
        }
        for _, rows in places
    ]


def _place(row: pd.Series, texts: Texts) -> str:
    """A protocol and its outer part, or all of them together."""
    part = texts("names.outer_part", outer=row["outer"]) if row["outer"] else texts("names.all_parts")
    return f"{texts.name('protocols', row['protocol'])}, {part}"


def _badges(run: Run, texts: Texts) -> list[dict[str, str]]:
    """One badge per protocol: what its split leaks."""
    return [
        {
            "protocol": texts.name("protocols", protocol),
            "kind": run.heads[protocol].leakage,
            "text": texts.name("leakage", run.heads[protocol].leakage),
            "sentence": texts.name("leakage_sentences", run.heads[protocol].leakage),
            "searched": texts("page.searched", kinds=list(run.heads[protocol].searched)),
        }
        for protocol in run.protocols
    ]

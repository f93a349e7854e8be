"""The page and its side files: every item is written once, then shown."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from leukolab.base.files import make_folder, write_text
from leukolab.base.findings import finding_from
from leukolab.report import chosen
from leukolab.report.figures.canvas import inline_svg, svg_of, write_figure
from leukolab.report.figures.headline import headline
from leukolab.report.figures.pictures import Thumbnail
from leukolab.report.items import Drawing, Gallery, Item, Section, Sheet, cells
from leukolab.report.names import Names
from leukolab.report.paragraph import methods_paragraph
from leukolab.report.run import Run, read_run, without_folders
from leukolab.report.sections import subtypes as sections_subtypes
from leukolab.report.sections import wen as sections_wen
from leukolab.report.sections.common import Scene
from leukolab.report.tables.common import write_csv, write_sheet
from leukolab.report.texts import Texts, load_texts

LONG = 40
"""Rows past which a table is folded away until it is asked for."""


@dataclass
class Writer:
    """Writes items into the report's folder and counts figures and tables."""

    folder: Path
    texts: Texts
    kind: str
    numbers: dict[str, int] = field(default_factory=lambda: {"figure": 0, "table": 0})

    def block(self, item: Item) -> dict[str, Any]:
        """Write the side files of `item`; return what the template shows of it."""
        if isinstance(item, Sheet):
            return self._sheet(item)
        return self._drawing(item) if isinstance(item, Drawing) else self._gallery(item)

    def _heading(self, item: Item, kind: str) -> dict[str, Any]:
        """Number, title and caption."""
        self.numbers[kind] += 1
        number = self.texts(f"page.{kind}_number", number=self.numbers[kind])
        title = self.texts.item(item.key, "title", **item.values)
        if item.suffix:
            title = f"{title} ({self.texts.name('protocols', item.suffix.lstrip('_'))})"
        label = self.texts.item(item.key, f"label_{self.kind}")
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
        write_sheet(sheet, self.folder / "tables", heading["title"])
        body = cells(sheet)
        files = [f"tables/{heading['name']}.{ending}" for ending in ("csv", "tex")]
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
        svg = write_figure(drawing.draw(), self.folder / "figures", heading["name"])
        wide = Markup(inline_svg(svg, heading["id"], alt))  # our own SVG, its texts escaped by matplotlib
        narrow = None
        if drawing.narrow:
            narrow = Markup(inline_svg(svg_of(drawing.narrow()), f"{heading['id']}-narrow", alt))
        return heading | {
            "type": "figure",
            "svg": wide,
            "narrow": narrow,
            "least": drawing.least_px,
            "files": _figure_files(heading),
        }

    def _gallery(self, gallery: Gallery) -> dict[str, Any]:
        heading = self._heading(gallery, "figure")
        files = []
        if gallery.draw:
            write_figure(gallery.draw(), self.folder / "figures", heading["name"])
            files = _figure_files(heading)
        if gallery.frame is not None:
            write_csv(gallery.frame, self.folder / "tables", heading["name"])
            files = [f"tables/{heading['name']}.csv"]
        return heading | {"type": "gallery", "rows": gallery.rows, "files": files}


def _figure_files(heading: dict[str, Any]) -> list[str]:
    return [f"figures/{heading['name']}.{ending}" for ending in ("svg", "png")]


def write_report(run: Path, thumbnail: Thumbnail, out: Path | None = None, language: str = "en") -> Path:
    """Write the report of a finished run: one HTML file, and beside it tables, figures and a methods paragraph.

    Args:
        run: a finished run folder.
        thumbnail: image id to its picture, uint8 (h, w, 3).
        out: folder of the report; `report` inside the run where None.
        language: of the texts.

    Returns:
        Path of `report.html`.

    Raises:
        RunError: the folder is none of a finished run.
        SpecError: there are no texts in that language.
        StorageError: the report's folder cannot be written.
    """
    texts = load_texts(language)
    tables = read_run(run)
    folder = make_folder(out or run / "report")
    scene = Scene(tables, Names(tables, texts), texts, functools.lru_cache(maxsize=512)(thumbnail))
    writer = Writer(folder, texts, tables.kind)
    first = writer.block(headline(tables, scene.names, texts))
    build = sections_wen.sections if tables.kind == "wen" else sections_subtypes.sections
    sections = [_section(section, writer) for section in build(scene) if section.items]
    paragraph = methods_paragraph(tables, texts)
    write_text(folder / "methods.md", paragraph)
    page = folder / "report.html"
    write_text(page, _render(tables, texts, first, sections, paragraph))
    return page


def _section(section: Section, writer: Writer) -> dict[str, Any]:
    """A section with its items written."""
    texts = writer.texts
    return {
        "id": section.key.replace("_", "-"),
        "title": texts(f"sections.{section.key}.title"),
        "lead": texts.entries.get(f"sections.{section.key}.lead", ""),
        "blocks": [writer.block(item) for item in section.items],
    }


def _render(run: Run, texts: Texts, first: dict[str, Any], sections: list[dict[str, Any]], paragraph: str) -> str:
    """The page as text."""
    jinja = Environment(
        loader=PackageLoader("leukolab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (resources.files("leukolab.report") / "templates" / "style.css").read_text(encoding="utf-8")
    page = jinja.get_template("report.html.j2").render(
        t=texts,
        run=run,
        headline=first,
        sections=sections,
        hypotheses=_hypotheses(run, texts),
        badges=_badges(run, texts),
        settings=json.dumps(without_folders(run.spec), indent=2, ensure_ascii=False),
        paragraph=paragraph,
        style=Markup(style),  # our own file
        warnings=[*run.answers.get("warnings", []), *_findings(run, texts)],
    )
    return re.sub(r"\n\s*\n+", "\n", page)


def _hypotheses(run: Run, texts: Texts) -> list[dict[str, Any]]:
    """The hypotheses by protocol and outer part, the corrected protocol first; named where there are several."""
    table = chosen.answered(run)
    if "outer" not in table:
        return [{"place": "", "rows": table.to_dict("records")}] if len(table) else []
    order = table["protocol"].map({name: number for number, name in enumerate(run.protocols[::-1])})
    places = list(table.assign(order=order).groupby(["order", "outer"], sort=True))
    return [
        {
            "place": _place(rows.iloc[0], texts) if len(places) > 1 else "",
            "rows": rows.to_dict("records"),
        }
        for _, rows in places
    ]


def _place(row: pd.Series, texts: Texts) -> str:
    """A protocol and its outer part, or all of them together."""
    part = texts("names.outer_part", outer=row["outer"]) if row["outer"] else texts("names.all_parts")
    return f"{texts.name('protocols', row['protocol'])}, {part}"


def _badges(run: Run, texts: Texts) -> list[dict[str, str]]:
    """One badge a protocol: what its split leaks."""
    found = []
    for protocol in run.protocols:
        leakage = str(run.heads.get(protocol, {}).get("leakage", "unknown"))
        found.append(
            {
                "protocol": texts.name("protocols", protocol),
                "kind": leakage,
                "text": texts.name("leakage", leakage),
                "sentence": texts.name("leakage_sentences", leakage),
            }
        )
    return found


def _findings(run: Run, texts: Texts) -> list[str]:
    """Findings of the splits, in words, that the answers neither say already nor settle."""
    found = [record for head in run.heads.values() for record in head.get("findings", [])]
    left = [record for record in found if record not in run.answers.get("settled", [])]
    return list(dict.fromkeys(texts.finding(finding_from(record)) for record in left))

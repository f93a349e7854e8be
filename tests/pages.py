"""A page as a reader meets it: its visible pieces of text, ids, addresses and tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from leukolab.results.folder import RunFolder

SPOKEN = ("alt", "aria-label", "title")
"""Attributes that are read out or shown."""
SILENT = ("script", "style")
VOID = ("br", "hr", "img", "input", "link", "meta")


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        pieces: (path of tags such as `html/body/main/p`, text) of each visible text, spoken attributes among them,
            whose path ends in `@name`.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.pieces: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """All visible text."""
        return "\n".join(text for _, text in self.pieces)

    def part(self, name: str) -> str:
        """The HTML from the element with that id to the next item or section."""
        start = self.html.index(f'id="{name}"')
        ends = [self.html.find(mark, start + 1) for mark in ('class="card" id="', "<section ", "</main>")]
        return self.html[start : min(end for end in ends if end > 0)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value for name, value in attrs if value}
        if "id" in found:
            self.ids.append(found["id"])
        self.addresses += [found[key] for key in ("href", "src") if key in found]
        name = f"{tag}.{found['class'].split()[0]}" if "class" in found else tag
        self.pieces += [("/".join([*self._open, name, f"@{key}"]), found[key]) for key in SPOKEN if key in found]
        if tag not in VOID:
            self._open.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().partition(".")[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._open and self._open[-1] in SILENT):
            self.pieces.append(("/".join(self._open), " ".join(data.split())))


def read_page(path: Path) -> Page:
    """The page in a file."""
    return Page(path.read_text(encoding="utf-8"))


def figure_texts(svg: str) -> Iterator[str]:
    """Texts of an SVG document."""
    yield from (text for path, text in Page(svg).pieces if "/text" in path or "@" in path)


@dataclass(frozen=True)
class Reported:
    """A run with its page."""

    run: RunFolder
    path: Path
    page: Page

"""Figures as a browser draws them, on a phone and on a desk: no text is cut, lies over another or makes the page wider.

Chromium measures both widths in frames of one page and writes what it found into that page, which it prints.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from leukolab.report.page import write_report
from small_runs import SmallRun

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed"),
]
WIDTHS_PX = (390, 1280)
MEASURE = """
const within = (a, b, by) =>
  a.left >= b.left - by && a.right <= b.right + by && a.top >= b.top - by && a.bottom <= b.bottom + by;
const shared = (a, b) => Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) *
  Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
const turned = text => /rotate\\(-?(?!0\\b)\\d/.test(text.getAttribute("transform") || "");
function measured(page) {
  const found = { width: page.documentElement.clientWidth, wide: page.documentElement.scrollWidth,
                  figures: 0, texts: 0, smallest: 1e9, cut: [], over: [], out: [] };
  for (const svg of page.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect(), id = svg.closest("figure").id;
    if (!frame.width) continue;
    found.figures += 1;
    const holder = svg.parentElement, scrolls = getComputedStyle(holder).overflowX === "auto";
    if (!scrolls && !within(frame, holder.getBoundingClientRect(), 1)) found.out.push(id);
    const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim());
    const boxes = texts.map(text => text.getBoundingClientRect());
    texts.forEach((text, place) => {
      const box = boxes[place], said = `${id}: ${text.textContent.trim()}`;
      found.texts += 1;
      if (!turned(text)) found.smallest = Math.min(found.smallest, box.height);
      if (!within(box, frame, 1)) found.cut.push(said);
      for (let other = 0; other < place; other++) {
        const least = Math.min(box.width * box.height, boxes[other].width * boxes[other].height);
        if (!turned(text) && !turned(texts[other]) && shared(box, boxes[other]) > 0.25 * least)
          found.over.push(`${said} | ${texts[other].textContent.trim()}`);
      }
    });
  }
  return found;
}
onload = () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("found").textContent = JSON.stringify(frames.map(one => measured(one.contentDocument)));
};
"""


def rendered(page: Path, folder: Path) -> dict[int, dict[str, Any]]:
    """What a browser measures of a page, by width in pixels."""
    frames = "".join(f'<iframe src="{page.as_uri()}" width="{px}" height="900"></iframe>' for px in WIDTHS_PX)
    outer = folder / "measure.html"
    outer.write_text(f'{frames}<pre id="found"></pre><script>{MEASURE}</script>', encoding="utf-8")
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=20000", "--dump-dom", outer.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    return dict(zip(WIDTHS_PX, json.loads(html.unescape(found[1])), strict=True))


@pytest.mark.parametrize(("kind", "language"), [("pooled", "id"), ("reading", "en")])
def test_every_text_of_every_figure_can_be_read(
    kind: str, language: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run: SmallRun = request.getfixturevalue(f"{kind}_run")
    page = write_report(run.folder, run.picture, out=tmp_path / "report", language=language)
    for width, found in rendered(page, tmp_path).items():
        assert found["width"] <= width
        assert found["figures"] >= 10
        assert found["texts"] > 200
        assert found["wide"] <= found["width"], f"{width} px: the page is {found['wide']} px wide"
        assert (found["cut"], found["over"], found["out"]) == ([], [], []), width
        assert found["smallest"] >= 7, width


def test_a_text_that_is_cut_or_lies_over_another_is_found(tmp_path: Path) -> None:
    texts = ("in", 5, 20), ("far too long to fit", 60, 50), ("one", 5, 80), ("two", 6, 81)
    drawn = "".join(f'<text x="{x}" y="{y}">{text}</text>' for text, x, y in texts)
    svg = f'<svg width="100" height="100" overflow="hidden">{drawn}</svg>'
    page = tmp_path / "page.html"
    page.write_text(f'<figure id="f"><div>{svg}</div><p style="width: 600px">wide</p></figure>', encoding="utf-8")
    found = rendered(page, tmp_path)
    assert all(one["cut"] == ["f: far too long to fit"] for one in found.values())
    assert all(one["over"] == ["f: two | one"] for one in found.values())
    assert (found[390]["wide"] > 390, found[1280]["wide"] > 1280) == (True, False)

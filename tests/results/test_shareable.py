from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leukolab.base.files import write_text
from leukolab.results.folder import RunFolder
from leukolab.results.shareable import shareable


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two images of the persons `P1` and `7`."""
    index = pd.DataFrame({"image_id": ["a/1.png", "b/2.png"], "subject": ["P1", "7"], "label": 0, "class_name": "all"})
    folder = RunFolder(tmp_path)
    folder.write(RunFolder.index, index.assign(part="", path=index["image_id"]))
    return folder


@pytest.mark.parametrize(
    ("table", "shared"),
    [
        ("member,value\nx,7\n", True),
        ("protocol,image,subject\ncorrected,0.5,0.7\n", True),
        ("member,value\n", True),
        ("", True),
        ("image_id,value\nz,1\n", False),
        ("member,value\na/1.png,1\n", False),
        ("person,value\nP1,1\n", False),
        ("subject,images\n7,12\n", False),
    ],
)
def test_a_table_that_names_an_image_or_a_person_stays(run: RunFolder, table: str, shared: bool) -> None:
    for ending in ("csv", "tex"):
        write_text(run.path / "report" / "tables" / f"some.{ending}", table)
    expected = {"report/tables/some.csv", "report/tables/some.tex"} if shared else set()
    assert set(shareable(run)) == expected


def test_a_figure_stays_that_holds_a_picture_or_cannot_be_looked_into(run: RunFolder) -> None:
    figures = run.path / "report" / "figures"
    write_text(figures / "lines.svg", "<svg><path/></svg>")
    write_text(figures / "cells.svg", '<svg><image href="data:image/png;base64,AA"/></svg>')
    for name in ("lines", "cells", "alone"):
        write_text(figures / f"{name}.png", "")
    assert set(shareable(run)) == {"report/figures/lines.svg", "report/figures/lines.png"}


def test_the_page_stays_and_the_methods_paragraph_goes(run: RunFolder) -> None:
    for name in ("report.html", "methods.md"):
        write_text(run.path / "report" / name, "text")
    assert set(shareable(run)) == {"report/methods.md"}

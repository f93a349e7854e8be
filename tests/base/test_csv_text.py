"""Cells that a spreadsheet would take for formulas: marked when written, read back as they were."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from leukolab.base.csv_text import csv_text, guarded, unguarded
from leukolab.cards.tables import read_frame, read_table

HOSTILE = ["=cmd|'/c calc'!A0", "+1+1", "-2+3+cmd", "@SUM(1)", "'=quoted", "''@twice", "\uff1dwide"]
PLAIN = ["plain", "-1.5", "+2e-3", "1,5", "a=b", "'quoted'", "", "-0,25"]


@pytest.mark.parametrize("text", [*HOSTILE, "\tab", "\rreturn"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert guarded(text).startswith("'")
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_cells_and_numbers_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text == unguarded(text)


def test_our_readers_take_the_marks_off_again(tmp_path: Path) -> None:
    names = [*HOSTILE, *PLAIN[:-3], "z"]
    table = pd.DataFrame({"path": names, "=label": names, "value": range(len(names))})
    file = tmp_path / "table.csv"
    file.write_text(csv_text(table), encoding="utf-8", newline="")
    for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8"))):
        assert not any(cell[:1] in tuple("=+@") and cell not in PLAIN for cell in row)
    frame, lines = read_frame(file), read_table(file)
    assert list(frame["path"]) == list(frame["=label"]) == names
    assert [values["=label"] for _, values in lines.lines] == names

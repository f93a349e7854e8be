"""Tables in LaTeX: every file compiles alone on A4, nothing runs into the margin, and nothing is lost."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from leukolab.report.items import Column, Sheet
from leukolab.report.page import write_report
from leukolab.report.tables.latex import LANDSCAPE_PT, escaped, latex
from leukolab.report.texts import load_texts
from pages import Reported
from small_runs import SmallRun

PDFLATEX = shutil.which("pdflatex")
needs_pdflatex = pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")


def compiled(path: Path, out: Path) -> str:
    """The log of pdflatex."""
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", f"-output-directory={out}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=out)
    assert done.returncode == 0, f"{path.name}: {done.stdout[-800:]}"
    return done.stdout


def together(folder: Path, out: Path) -> Path:
    """A document that reads in every table of a folder."""
    head = "\\documentclass[a4paper,10pt]{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{lmodern,geometry,array}\n"
    head += "\\usepackage{textcomp,booktabs,longtable,pdflscape}\n\\geometry{margin=25mm}\n\\begin{document}\n"
    files = sorted(folder.glob("*.tex"))
    assert files
    lines = [f"\\typeout{{FILE {path.stem}}}\\input{{{path}}}\\clearpage" for path in files]
    path = out / "all.tex"
    path.write_text(head + "\n".join(lines) + "\n\\end{document}\n", encoding="utf-8")
    return path


@needs_pdflatex
def test_every_table_fits_a_page(each: Reported, tmp_path: Path) -> None:
    log = compiled(together(each.path.parent / "tables", tmp_path), tmp_path)
    assert not re.findall(r"Overfull.*|Missing character.*", log), log[-3000:]


@needs_pdflatex
def test_tables_in_indonesian_fit_too(pooled_run: SmallRun, tmp_path: Path) -> None:
    page = write_report(pooled_run.folder, pooled_run.picture, out=tmp_path / "report", language="id")
    log = compiled(together(page.parent / "tables", tmp_path), tmp_path)
    assert not re.findall(r"Overfull.*|Missing character.*", log), log[-3000:]


@needs_pdflatex
def test_a_file_compiles_alone(each: Reported, tmp_path: Path) -> None:
    path = min((each.path.parent / "tables").glob("*.tex"), key=lambda path: path.stat().st_size)
    compiled(path, tmp_path)
    assert (tmp_path / f"{path.stem}.pdf").stat().st_size > 1000


def sheet(columns: int, rows: int, word: str = "0.123", text: str = "a member") -> Sheet:
    frame = pd.DataFrame({"member": [text] * rows} | {f"c{n}": [0.123] * rows for n in range(columns)})
    heads = (Column("member", "Member", "text"), *(Column(f"c{n}", f"{word} {n}") for n in range(columns)))
    return Sheet("wide", frame, heads)


@needs_pdflatex
@pytest.mark.parametrize("columns", [1, 8, 14, 20, 45])
@pytest.mark.parametrize("rows", [3, 90])
def test_any_number_of_columns_fits(columns: int, rows: int, tmp_path: Path) -> None:
    (tmp_path / "wide.tex").write_text(latex(sheet(columns, rows, "Accuracy"), "Many", load_texts()), encoding="utf-8")
    assert "Overfull" not in compiled(tmp_path / "wide.tex", tmp_path)


@needs_pdflatex
def test_long_words_and_hostile_names_fit(tmp_path: Path) -> None:
    texts = [
        "9f86d081884c7d659a2feaa0c55ad015" * 2,
        r"\input{/etc/passwd} $x^2$ 50 % & ~",
        "corrected/outer1/lr0.001/fold3",
    ]
    frame = pd.DataFrame({"what": texts, "value": ["naïve µ ± × – \u202f \u2212 漢"] * 3})
    shown = Sheet("used", frame, (Column("what", "What", "text"), Column("value", "Value", "text")))
    (tmp_path / "used.tex").write_text(latex(shown, "Used", load_texts()), encoding="utf-8")
    assert "Overfull" not in compiled(tmp_path / "used.tex", tmp_path)


def test_a_table_that_is_too_wide_is_split_and_keeps_its_keys() -> None:
    text = latex(sheet(60, 2, "Accuracy"), "Many", load_texts())
    parts = text.split("\\begin{longtable}")[1:]
    assert len(parts) > 1
    assert all("a member" in part for part in parts)
    assert all(f"Accuracy {number}" in text for number in range(60))
    assert LANDSCAPE_PT < 702


def test_every_sign_is_one_that_pdflatex_knows() -> None:
    assert escaped("1\u202f234 \u2212 50 % a_b") == r"1\,234 $-$ 50 \% a\_b"
    assert escaped("漢") == "[U+6F22]"
    assert escaped("é") == "é"


def test_control_characters_are_named_by_their_code() -> None:
    assert escaped("a\x1b[2Jb") == "a[U+001B][2Jb"

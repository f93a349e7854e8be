"""What is printed comes from the texts of the language asked for."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leukolab.cards import get_card
from leukolab.cli.table import COMMANDS
from leukolab.report.texts import Texts, languages, load_texts

Leukolab = Callable[..., Any]
SAYS = (
    "demo", "data explore", "predict", "score",
    "study list", "study run", "study status", "study report", "study merge",
)  # fmt: skip


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """English with every text in double brackets."""
    english = load_texts("en")
    marked = Texts("en", {key: f"⟦{text}⟧" for key, text in english.entries.items() if key != "language.decimal"})
    for room in ("cli.score", "cli.data", "cli.study", "study.status", "report.explore"):
        monkeypatch.setattr(f"leukolab.{room}.load_texts", lambda _: marked)


@pytest.mark.parametrize("name", SAYS)
def test_every_command_that_writes_or_says_much_takes_a_language(leukolab: Leukolab, name: str) -> None:
    assert name in COMMANDS
    text = " ".join(leukolab(*name.split(), "--help").out.split())
    assert f"--language [{'|'.join(languages())}]" in text
    assert "LEUKOLAB_LANGUAGE" in text


def test_the_environment_chooses_where_no_option_does(
    leukolab: Leukolab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKOLAB_LANGUAGE", "tlh")
    assert "'tlh' is not one of 'en'" in leukolab("score", tmp_path / "x.csv").sentence


@pytest.mark.usefixtures("wrapped")
def test_no_sentence_of_score_stands_outside_the_texts(leukolab: Leukolab, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    table: Any = {"label": [0, 1, 1, 0], "p_a": [0.9, 0.2, 0.7, 0.6], "p_b": [0.1, 0.8, 0.3, 0.4], "p_c": 0.0}
    pd.DataFrame(table).to_csv(path)
    lines = leukolab("score", path, "--bootstrap=100", "--out", tmp_path / "out").out.splitlines()
    *said, head, _, _, _, last = lines
    assert all(line.startswith("⟦") for line in [*said, last]), lines
    assert head.split() == ["⟦actual⟧", "a", "b", "c"]


@pytest.mark.usefixtures("wrapped")
def test_no_sentence_of_the_explore_page_stands_outside_the_texts(
    leukolab: Leukolab, four_class: Path, tmp_path: Path
) -> None:
    page, card = tmp_path / "page.html", get_card("phantom")
    *read, last = leukolab("data", "explore", "phantom", four_class, "--out", page).out.splitlines()
    assert all(line.lstrip().startswith("⟦") for line in read)
    assert last.startswith("⟦page: ")
    body = html.unescape(page.read_text(encoding="utf-8").partition("<body>")[2])
    shown = {text.strip() for text in re.findall(r">([^<>]+)<", body) if re.search(r"[A-Za-z]{3}", text)}
    own = {*card.class_names, *card.parts, *card.notes, card.title, card.name, "benign", "early", "pre", "pro"}
    origin = {text for text in shown if text.startswith(card.source)}
    assert {text for text in shown if not text.startswith("⟦")} <= own | origin

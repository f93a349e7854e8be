from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from leukolab.cards import card_names
from leukolab.cli import main
from leukolab.spec import study_names

Leukolab = Callable[..., Any]


def test_lists_name_every_card_and_study(leukolab: Leukolab) -> None:
    cards, studies = leukolab("data", "list"), leukolab("study", "list")
    assert [line.split()[0] for line in cards.out.splitlines()] == card_names()
    assert [line.split()[0] for line in studies.out.splitlines()] == study_names()
    assert cards.code == studies.code == 0


def test_a_study_is_shown_as_settings_that_can_be_run(leukolab: Leukolab, tmp_path: Path) -> None:
    shown = leukolab("study", "show", "wen")
    path = tmp_path / "mine.yaml"
    path.write_text(shown.out, encoding="utf-8")
    assert leukolab("study", "show", path).out == shown.out
    assert yaml.safe_load(shown.out)["model"]["backbone"] == "tf_efficientnetv2_m.in1k"


def test_a_phantom_is_drawn_verified_and_explored(leukolab: Leukolab, tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    options = ["--layout=four_class", "--subjects=4", "--images=2", "--size=48"]
    assert leukolab("data", "draw", cells, *options).out == f"synthetic images: {cells}\n"
    assert len(list(cells.rglob("*.png"))) == 8
    page = tmp_path / "page.html"
    assert leukolab("data", "explore", "phantom", cells, "--out", page).out.splitlines()[-1].startswith("page: ")
    assert "<html" in page.read_text(encoding="utf-8")[:500]


def test_what_is_read_is_told_before_anything_is_spent(leukolab: Leukolab, two_class: Path, tmp_path: Path) -> None:
    for ours, theirs in (("A", "normal"), ("B", "all")):
        shutil.copytree(two_class / theirs, tmp_path / "own" / ours)
    undecided = "  which class is the disease is not said: name it by data.positive"
    assert undecided in leukolab("data", "show", "folder", tmp_path / "own").out.splitlines()
    arguments = ["folder", tmp_path / "own", "--positive=a"]
    lines = ["what was read: 60 images", "  class B: 30 images", "  class A, the disease: 30 images",
             "  the disease is A: as set", "  subjects: none known; whatever is scored is an upper bound"]  # fmt: skip
    assert leukolab("data", "show", *arguments).out.splitlines()[-5:] == lines
    assert leukolab("data", "verify", *arguments).out.splitlines()[:5] == lines
    assert leukolab("data", "explore", *arguments, "--out", tmp_path / "x.html").out.splitlines()[:5] == lines
    assert "class A, the disease: 30 images" in (tmp_path / "x.html").read_text(encoding="utf-8")
    said = leukolab("study", "run", "classify", "--data", arguments[1], "--out", tmp_path / "run")
    assert said.sentence.endswith("Set data.positive=A (--positive A) or data.positive=B (--positive B).")
    assert not (tmp_path / "run").exists()


def test_predictions_made_elsewhere_are_scored(leukolab: Leukolab, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"label": [0, 1, 1, 0], "p_a": [0.9, 0.2, 0.7, 0.6], "p_b": [0.1, 0.8, 0.3, 0.4]}).to_csv(path)
    sentence = leukolab("score", path).sentence
    assert sentence.endswith("Set data.positive=a (--positive a) or data.positive=b (--positive b).")
    answer = leukolab("score", path, "--bootstrap=100", "--positive=B", "--out", tmp_path / "tables")
    assert answer.code == 0
    assert answer.out.splitlines()[:3] == [
        "a: column p_a, label 0, 2 images", "b: column p_b, label 1, 2 images", "the disease is b: as set",
    ]  # fmt: skip
    turned = leukolab("score", path, "--bootstrap=100", "--positive=a").out
    assert turned.splitlines()[1] == "a: column p_a, label 0, 2 images"
    assert "Accuracy           by image    0.7500" in answer.out
    assert "No subject column" in answer.out
    assert (tmp_path / "tables" / "scores.csv").exists()


@pytest.mark.parametrize("arguments", [[], ["study"], ["data"]])
def test_help_is_there_for_whoever_asks_nothing(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "Commands:" in capsys.readouterr().out

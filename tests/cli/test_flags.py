"""Library errors name settings; the command line puts its flag behind each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import leukolab
from leukolab.cli.flags import ANY, with_flags

FLAGS = {"data.card": "--card", "run folder": "--out", "on": "--on", "epochs": "--epochs", ANY: "--set"}
SOURCES = Path(leukolab.__file__).parent


@pytest.mark.parametrize(
    ("sentence", "settings", "expected"),
    [
        ("Set data.card=phantom.", ["data.card"], "Set data.card=phantom (--card phantom)."),
        (
            "Set data.card=a or data.card='b c'.", ["data.card"],
            "Set data.card=a (--card a) or data.card='b c' (--card 'b c').",
        ),
        ("data.card: no card 'x'.", ["data.card"], "data.card (--card): no card 'x'."),
        ("epochs: two, not 3 epochs.", ["epochs"], "epochs (--epochs): two, not 3 epochs."),
        (
            "/a run folder/x: other files. Choose another run folder, or delete it.", ["run folder"],
            "/a run folder/x: other files. Choose another run folder (--out), or delete it.",
        ),
        (
            "Use runtime.precision=float32, or training.learning_rates=[0.1, 0.2].",
            ["runtime.precision", "training.learning_rates"],
            "Use runtime.precision=float32 (--set runtime.precision=float32), or "
            "training.learning_rates=[0.1, 0.2] (--set 'training.learning_rates=[0.1, 0.2]').",
        ),
        ("split.outer is too large.", ["split.outer"], "split.outer (--set split.outer=VALUE) is too large."),
        ("Choose another home folder.", ["home folder"], "Choose another home folder."),
        ("Nothing of that name.", ["data.card"], "Nothing of that name."),
        ("on: expected local, got 'x'. Later on more.", ["on"], "on (--on): expected local, got 'x'. Later on more."),
    ],
)  # fmt: skip
def test_the_flag_stands_behind_the_setting(sentence: str, settings: list[str], expected: str) -> None:
    assert with_flags(sentence, settings, FLAGS) == expected


def test_a_command_without_the_option_leaves_the_sentence_as_it_is() -> None:
    assert with_flags("Set data.card=phantom.", ["data.card"], {}) == "Set data.card=phantom."


@pytest.mark.parametrize("room", [path.name for path in SOURCES.iterdir() if path.is_dir() and path.name != "cli"])
def test_no_error_outside_the_command_line_names_a_flag(room: str) -> None:
    """Raised sentences of the library, read from its source."""
    found = []
    for path in (SOURCES / room).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for raised in re.findall(r"raise \w+Error\((?:[^()]|\([^()]*\))*\)", text):
            ours = re.sub(r"'(pip|ray) [^']*'", "", raised)
            found += [f"{path.name}: {flag}" for flag in re.findall(r"[\s'\"(]--[a-z][a-z-]+", ours)]
    assert found == []

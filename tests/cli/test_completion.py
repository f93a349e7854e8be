"""What a shell is told when the tab key is pressed; the how-to names the same variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def told(shell: str, **environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "leukolab"], env={**os.environ, "_LEUKOLAB_COMPLETE": shell, **environment},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert found.stderr == ""
    return found.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])  # click asks Bash itself for its version, which may not be there
def test_a_script_is_printed(shell: str) -> None:
    script = told(f"{shell}_source")
    assert f"_LEUKOLAB_COMPLETE={shell}_complete" in script
    assert "leukolab" in script


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("leukolab st", ["study"]),
        ("leukolab study r", ["run", "report"]),
        ("leukolab study run sub", ["subtypes"]),
        ("leukolab study run wen --protocol co", ["corrected"]),
        ("leukolab study run own --method k450_", ["k450_grid"]),
        ("leukolab study tune wen --sampler g", ["genetic"]),
        ("leukolab score --language e", ["en"]),
    ],
)
def test_commands_studies_and_choices_are_completed(typed: str, words: list[str]) -> None:
    lines = told("bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(typed.split()) - 1)).splitlines()
    assert [line.partition(",")[2] for line in lines] == words

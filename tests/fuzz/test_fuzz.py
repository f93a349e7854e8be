"""A bounded share of `make fuzz`: about a minute, another seed than the whole of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("run.py")
SEED = 19

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="trials are forks, watched through /proc"),
]


def test_damaged_files_and_hostile_input_end_in_one_sentence_or_change_nothing(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), "--seed", str(SEED), "--share", "0.02", "--folder", str(tmp_path)]
    found = subprocess.run(words, capture_output=True, text=True, timeout=600)
    wrong = [line for line in found.stdout.splitlines() if line.startswith("wrong")]
    assert (wrong, found.returncode) == ([], 0), found.stdout[-6000:] + found.stderr[-2000:]
    assert {f"{part}: " in found.stdout for part in ("images", "folders", "hostile")} == {True}


def test_a_fault_is_found_and_told_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import os; from pathlib import Path; from trial import *\n"
        "def fails(): raise KeyError('x')\n"
        "def hangs(): import time; time.sleep(99)\n"
        "def grows(): x = bytearray(2**28); y = os.urandom(2**28); return 0\n"
        "def leaves(): open(sys.argv[2] + '/outside', 'w'); return 0\n"
        "def runs(): os.system('true'); return 0\n"
        "import trial as module; module.MOST_SECONDS, module.MOST_BYTES = 1.0, 2**28\n"
        "for work in (fails, hangs, grows, leaves, runs, lambda: 0, lambda: 3):\n"
        "    place = Path(sys.argv[2]) / str(id(work)); place.mkdir()\n"
        "    say(' '.join(trial(work, place).wrong) or 'fine')\n"
    )
    words = [sys.executable, "-c", code, str(SCRIPT.parent), str(tmp_path)]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "KeyError", "hung", "memory", "wrote outside", "ran a program", "fine", "exit code 3",
    ]  # fmt: skip

"""How the command ends: at once, but after everything that was promised for the end."""

from __future__ import annotations

import subprocess
import sys

import pytest

END = """
import atexit, sys, threading, time
from leukolab.cli import program, table

def work():
    atexit.register(print, "registered", end=".")
    threading.Thread(target=lambda: (time.sleep(0.3), print("thread", end=", "))).start()
    print("worked", end=", ")
    {end}

class Kept:
    def __del__(self):
        print("taken apart")

kept = Kept()
table.main = work
program()
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit()", 0), ("sys.exit(2)", 2), ("sys.exit('a sentence')", 1), ("raise ValueError('a fault')", 1)],
)
def test_a_process_ends_with_its_code_and_all_it_had_to_say(end: str, code: int) -> None:
    script = END.replace("{end}", end)
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert found.stdout == "worked, thread, registered."
    assert found.returncode == code
    assert ("a sentence" in found.stderr) == ("sentence" in end)
    assert ("ValueError: a fault" in found.stderr) == ("fault" in end)


def test_what_is_imported_at_once_is_left_to_the_end() -> None:
    script = (
        "import gc\nfrom leukolab.base.imports import large_imports\n"
        "with large_imports():\n    import decimal\n    print(gc.isenabled())\n"
        "print(gc.isenabled(), gc.get_freeze_count() > 1000)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert found.stdout == "False\nTrue True\n"

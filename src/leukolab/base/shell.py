"""Commands as a person can paste them into the shell at hand."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence


def pasted(arguments: Sequence[str]) -> str:
    """The command of these arguments, each quoted: for POSIX shells, on Windows for `cmd` and PowerShell."""
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)


def quoted(argument: str) -> str:
    """One argument, quoted where the shell at hand would read it otherwise."""
    return pasted([argument])

"""Lets this process and those it starts import `toys`, and gives a place to work in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leukolab.base.home import Home
from leukolab.plan import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "run", Home(tmp_path / "home"), tmp_path / "data")

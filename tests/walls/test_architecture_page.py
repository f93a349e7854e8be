"""The architecture page names functions and rooms that exist. Read from the source, so nothing heavy is imported."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import leukolab

PACKAGE = Path(leukolab.__file__).parent
PAGE = PACKAGE.parents[1] / "docs" / "explanation" / "architecture.md"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the docs are not part of an installed package")


def names(text: str) -> list[str]:
    """`room.module.function` and `room.module.Class.method` in backticks."""
    found = re.findall(r"`([a-z_]+(?:\.\w+){2,})`", text)
    return sorted({name for name in found if name.partition(".")[0] in ROOMS})


def exists(name: str) -> bool:
    """Whether a file of the package defines it."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 1, -1):
        file = PACKAGE.joinpath(*parts[:length]).with_suffix(".py")
        if file.exists():
            return defined(ast.parse(file.read_text(encoding="utf-8")), parts[length:])
    return False


def defined(body: ast.Module | ast.ClassDef, path: list[str]) -> bool:
    """Whether a function or class stands there, by its names from the outside in."""
    for node in body.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == path[0]:
            return len(path) == 1 or (isinstance(node, ast.ClassDef) and defined(node, path[1:]))
    return False


def test_every_function_named_exists() -> None:
    named = names(PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 10
    missing = [name for name in named if not exists(name)]
    assert not missing, f"{PAGE.name} names what is gone: {', '.join(missing)}"


def test_a_name_that_is_gone_is_noticed() -> None:
    assert exists("splits.makers.make_split")
    assert exists("engine.bank.Bank.fill")
    assert not exists("splits.makers.make_nothing")
    assert not exists("engine.bank.Bank.make_nothing")
    assert not exists("splits.nowhere.make_split")


def test_the_walk_has_at_most_ten_stops_and_each_names_a_function() -> None:
    walk = PAGE.read_text(encoding="utf-8").partition("## One image")[2]
    stops = re.split(r"(?m)^\d+\. ", walk)[1:]
    assert 1 < len(stops) <= 10
    assert all(names(stop) for stop in stops)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_stands_in_the_table(room: str) -> None:
    assert re.search(rf"(?m)^\| \d+ \| `{room}` \|", PAGE.read_text(encoding="utf-8"))

"""The page of promises under faults: each promise has a test, and each test it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "faults.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not part of an installed package")


def named() -> list[tuple[str, str]]:
    """File and function of every test on the page."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


def test_every_test_that_the_page_names_exists() -> None:
    absent = [f"{file}::{name}" for file, name in named() if name not in functions(ROOT / file)]
    assert absent == []


def test_every_promise_has_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    promises = [row for row in rows if not re.match(r"\| (promise|---)", row)]
    assert len(promises) > 30
    assert [row for row in promises if "::test_" not in row] == []


def functions(path: Path) -> set[str]:
    """Names of the functions in a file; none where there is no such file."""
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

"""No two files of a room import each other, directly or through others, in functions and for types alone included."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import leukolab

HOUSE = Path(leukolab.__file__).parent
ROOMS = ("audit", "base", "cards", "cli", "engine", "images", "plan", "report", "results", "spec", "splits", "stats")


def imports_of(path: Path, names: set[str]) -> set[str]:
    """Modules among `names` that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & names


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circle_in(folder: Path, root: Path) -> list[str]:
    """A circle of modules that import each other; empty where there is none. A room's own front door is left out."""
    paths = {
        module_name(path, root): path
        for path in folder.rglob("*.py")
        if path.parent != folder or path.stem != "__init__"
    }
    try:
        TopologicalSorter({name: imports_of(path, set(paths)) - {name} for name, path in paths.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("room", ROOMS)
def test_no_two_files_import_each_other(room: str) -> None:
    assert circle_in(HOUSE / room, HOUSE) == []


def test_a_circle_is_found_in_functions_and_for_types(tmp_path: Path) -> None:
    root = tmp_path / "house"
    root.mkdir()
    (root / "one.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.two import Two\n")
    (root / "two.py").write_text("def work():\n    from house import three\n")
    (root / "three.py").write_text("import house.one\n")
    assert set(circle_in(root, root)) == {"house.one", "house.two", "house.three"}
    (root / "three.py").write_text("")
    assert circle_in(root, root) == []

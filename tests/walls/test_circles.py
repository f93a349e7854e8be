"""No two files import each other, directly or through others; imports in functions and for types alone count too."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest


def circle(package: str) -> str:
    """A chain of files of the package that leads back to its first; empty where there is none."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    try:
        TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def test_no_two_files_import_each_other() -> None:
    assert circle("leukolab") == ""


def test_a_circle_is_found_in_functions_and_for_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    room = tmp_path / "round_house" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").touch()
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from round_house.room.two import Two\n"
    (room / "one.py").write_text(types)
    (room / "two.py").write_text("def work():\n    from round_house.room import three\n")
    (room / "three.py").write_text("import round_house.room.one\n")
    assert set(circle("round_house").split(" <- ")) == {f"round_house.room.{name}" for name in ("one", "two", "three")}
    (room / "three.py").write_text("")
    assert circle("round_house") == ""

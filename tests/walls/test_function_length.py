"""Sizes that keep code readable: functions of 50 lines, seven parameters, rooms of 3,000 lines unless they have floors.

At commit a734dc7 `report/flows.py: study_flow` had 59 lines, and `study` 4,362 without a folder inside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import leukolab

PACKAGE = Path(leukolab.__file__).parent
LONGEST, MOST_PARAMETERS, LARGEST_ROOM = 50, 7, 3000

MANY_PARAMETERS: dict[str, str] = {}
"""Functions with more parameters, and why; it only shrinks."""


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function of a file, nested ones too, as `room/file.py: name`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(PACKAGE).as_posix()}: {node.name}", node


def every_function() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from functions(path)


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, docstring included."""
    return int(node.end_lineno or node.lineno) - node.lineno + 1


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters but for `self` and `cls`; a command of click has one for each of its options."""
    if any("command" in ast.unparse(decorator) for decorator in node.decorator_list):
        return 0
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def rooms() -> dict[str, int]:
    """Rooms without folders inside, and their lines of Python."""
    found = {}
    for room in PACKAGE.iterdir():
        if room.is_dir() and not any(path.parent.parent == room for path in room.rglob("*.py")):
            found[room.name] = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in room.glob("*.py"))
    return found


def test_no_function_is_longer_than_a_screen() -> None:
    found = {name: lines(node) for name, node in every_function() if lines(node) > LONGEST}
    assert found == {}, "split them into steps with names of their own"


def test_no_function_of_the_library_has_more_than_seven_parameters() -> None:
    found = {name: parameters(node) for name, node in every_function() if parameters(node) > MOST_PARAMETERS}
    assert sorted(set(found) - set(MANY_PARAMETERS)) == [], "put what belongs together into a frozen dataclass"
    assert sorted(set(MANY_PARAMETERS) - set(found)) == [], "no longer so many: take it out of MANY_PARAMETERS"


def test_a_large_room_has_folders_inside() -> None:
    assert {name: size for name, size in rooms().items() if size > LARGEST_ROOM} == {}


def test_lengths_and_parameters_are_counted() -> None:
    code = "@command()\ndef c(a, b): ...\n@drawn\ndef f(self, a, /, b, *, c):\n    x = 1\n\n    return x\n"
    command, function = (node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef))
    assert (parameters(command), parameters(function), lines(function)) == (0, 3, 4)

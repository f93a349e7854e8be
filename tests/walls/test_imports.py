"""Importing a module changes nothing anywhere: no environment, no module table, no handlers, nothing at exit."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import leukolab

ROOT = Path(leukolab.__file__).parent
ALLOWED = {"logging.getLogger(__name__).addHandler(logging.NullHandler())"}
"""Statements of `leukolab/__init__.py`: the library's own logger prints nothing by itself."""


def effects(source: str) -> list[str]:
    """Statements done at import that may change something which is not of the file itself."""
    tree = ast.parse(source)
    own = {name for statement in tree.body for name in _defined(statement)}
    return [ast.unparse(one) for one in _done_at_import(tree) if _reaches_out(one, own)]


def _done_at_import(tree: ast.Module | ast.ClassDef | ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.stmt) and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
                continue
            yield child
            yield from _done_at_import(child)


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    for node in ast.walk(statement) if isinstance(statement, ast.Assign | ast.AnnAssign) else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _reaches_out(statement: ast.stmt, own: set[str]) -> bool:
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.Delete):
        targets = [statement.target] if isinstance(statement, ast.AugAssign) else statement.targets
        if any(isinstance(one, ast.Attribute | ast.Subscript) and _root(one) not in own for one in targets):
            return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _root(statement.value) not in own
    simple = not isinstance(statement, ast.ClassDef | ast.If | ast.Try | ast.With | ast.For | ast.While)
    return simple and any(isinstance(one, ast.Attribute) and one.attr == "environ" for one in ast.walk(statement))


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_no_file_changes_anything_but_itself_when_it_is_imported() -> None:
    found = {str(path.relative_to(ROOT)): effects(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")}
    found["__init__.py"] = sorted(set(found["__init__.py"]) - ALLOWED)
    assert {name: statements for name, statements in found.items() if statements} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "os.environ['X'] = '1'",
        "os.environ.setdefault('X', '1')",
        "HOME = os.environ.get('HOME')",
        "sys.modules.setdefault('x', None)",
        "atexit.register(print)",
        "torch.backends.cudnn.enabled = False",
        "if True:\n    warnings.simplefilter('ignore')",
        "class Late:\n    logging.basicConfig()",
    ],
)
def test_what_would_change_something_is_found(statement: str) -> None:
    assert effects(f"import os\nGROUP = make()\nGROUP.add(1)\n{statement}\n")
    assert effects("GROUP = make()\nGROUP.add(1)\ndef later():\n    os.environ.clear()\n") == []

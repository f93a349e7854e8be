"""No branch on a name: code compares no name of a study, a protocol or a data set, but settings and facts.

Names stand in `spec/studies`, `methods` and `cards/datasets` alone. A stance (as published, corrected) is no name: it
is compared where the other side is called `stance`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import leukolab
from leukolab.cards import card_names
from leukolab.spec import load_study, study_names

PACKAGE = Path(leukolab.__file__).parent
EXEMPT = ("spec/studies", "methods", "cards/datasets")
LOOK_UPS = (
    "get", "pop", "index", "count", "setdefault", "startswith", "endswith", "removeprefix", "removesuffix", "isin",
)  # fmt: skip
"""Methods that compare their argument."""

OTHER_MEANING = frozenset({("cli/table.py", "demo"), ("spec/earlier.py", "published")})
"""Words that mean something else there: `demo` is a command, `published` a setting of a study."""


def names() -> frozenset[str]:
    """Names of shipped studies, of their protocols, and of data cards; `paper` stands in a protocol's place."""
    protocols = {str(name) for study in study_names() for name in load_study(study).protocols}
    return frozenset({*study_names(), *protocols, "paper", *card_names()})


def compared(tree: ast.AST) -> Iterator[str]:
    """Text that code compares, matches or looks up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if not any(_last_name(side) == "stance" for side in sides):
                yield from (text for side in sides for text in _texts(side))
        elif isinstance(node, ast.MatchValue):
            yield from _texts(node.value)
        elif isinstance(node, ast.Dict):
            yield from (text for key in node.keys if key is not None for text in _texts(key))
        elif isinstance(node, ast.Subscript) and _last_name(node.value) != "Literal":
            yield from _texts(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOOK_UPS:
            yield from (text for argument in node.args for text in _texts(argument))


def _texts(node: ast.AST) -> Iterator[str]:
    """The text that stands here, by itself or in a tuple, list or set."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for one in node.elts:
            yield from _texts(one)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def found() -> set[tuple[str, str]]:
    """File and name of every comparison with a name."""
    known = names()
    files = [(path.relative_to(PACKAGE).as_posix(), path) for path in PACKAGE.rglob("*.py")]
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files if not name.startswith(EXEMPT)}
    return {(file, text) for file, tree in trees.items() for text in compared(tree) if text in known}


def test_nothing_branches_on_a_name() -> None:
    """Where this fails, replace the comparison by a setting of the study or a fact of the card."""
    there = found() - OTHER_MEANING
    assert sorted(there) == [], "compared with a name of a study, a protocol or a data set"
    assert sorted(OTHER_MEANING - found()) == [], "no longer there: take it out of OTHER_MEANING"


@pytest.mark.parametrize(
    "code",
    [
        'x == "wen"', '"wen" != x', 'x in ("a", "wen")', 'x in {"wen", "b"}', '{"wen": 1}[x]', 'y["wen"]',
        'y.get("wen", 1)', 'x.startswith("wen")', 'match x:\n    case "a" | "wen":\n        pass',
        'x = 1 if y == "wen" else 2',
    ],
)  # fmt: skip
def test_comparisons_are_seen(code: str) -> None:
    assert "wen" in set(compared(ast.parse(code)))


@pytest.mark.parametrize("code", ['load("wen")', 'x: Literal["wen"]', 'x.stance == "wen"', 'print("wen")', '"""wen"""'])
def test_what_compares_nothing_is_not(code: str) -> None:
    assert "wen" not in set(compared(ast.parse(code)))


def test_the_names_are_those_of_the_registries() -> None:
    assert {"wen", "subtypes", "published", "corrected", "cnmc2019", "folder"} <= names()

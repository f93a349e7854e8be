"""`results/folder.py` alone names the files and folders of a run; everybody else asks `RunFolder`.

Their names are taken from `RunFolder` itself, so that a new file is watched from its first day. Those of a split belong
to `splits/table.py`, those of a plan to `plan`. At commit a734dc7 they stood in 19 files.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import leukolab
from leukolab.results.folder import Document, RunFolder, Table

PACKAGE = Path(leukolab.__file__).parent
OWNERS = {"results/folder.py"}
FILES = {
    what.file if isinstance(what, Table | Document) else what
    for name, what in vars(RunFolder).items()
    if isinstance(what, Table | Document) or (name.isupper() and isinstance(what, str) and "." in what)
}
FOLDERS = {RunFolder.SPLIT, RunFolder.JOBS, RunFolder.HEADS, RunFolder.UNFINISHED, RunFolder.REPORT, RunFolder.FIGURES}
FOLDERS |= {RunFolder.TABLES}
FILE = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(FILES)))})(?![\w-]|\.\w)")
INSIDE = re.compile(rf"(?:^|/)(?:{'|'.join(sorted(FOLDERS))})/")
"""A folder of the run with something in it, such as `run/jobs/`."""


def named(tree: ast.AST) -> Iterator[str]:
    """Texts outside docstrings that name a file of a run, or a folder of it as a part of a path."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from (text for text in _texts(node.right) if text.partition("/")[0] in FOLDERS)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            text = node.value
            if FILE.search(text) or INSIDE.search(text):
                yield text


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr) and node.values:
        yield from _texts(node.values[0])


def test_nobody_but_its_owner_names_a_file_of_the_run_folder() -> None:
    """Where this fails, ask `RunFolder` for the file, or read it through the folder."""
    found = {
        f"{name}: {text!r}"
        for path in PACKAGE.rglob("*.py")
        if (name := path.relative_to(PACKAGE).as_posix()) not in OWNERS
        for text in named(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert sorted(found) == []


def test_the_names_are_those_of_the_folder() -> None:
    assert {"jobs.parquet", "spec.json", "study.yaml", "trunk.safetensors", "thumbnails.npz", "report.html"} <= FILES
    assert {"methods.md", "result.json", "model.safetensors", "head.safetensors", "history.parquet"} <= FILES


@pytest.mark.parametrize(
    "code",
    [
        'read_table(run / "scores.parquet")', 'run / "jobs" / key', 'f"{run}/chosen.json"', 'x = "see report.html"',
        'f"run/jobs/{key}"', 'run / f"split/{protocol}"', 'run.glob("jobs/*/model.safetensors")', '("a", "study.yaml")',
    ],
)  # fmt: skip
def test_names_are_seen(code: str) -> None:
    assert list(named(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ['"""Writes scores.parquet."""', 'table["jobs"]', 'x = "heads"', 'f"{n} jobs/hour"', 'x = "my-scores.parquet"'],
)
def test_other_words_are_not(code: str) -> None:
    assert not list(named(ast.parse(code)))

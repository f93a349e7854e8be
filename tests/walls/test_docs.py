"""Docs in step: the reference is written by a script from the program itself, and every room has its page."""

from __future__ import annotations

import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import pytest

import leukolab
from leukolab.cards import card_names
from leukolab.cli.table import COMMANDS
from leukolab.spec import study_names

PACKAGE = Path(leukolab.__file__).parent
ROOT = PACKAGE.parents[1]
REFERENCE = ROOT / "docs" / "reference"
BUILT = {ROOT / "docs" / "api", ROOT / "docs" / "_build"}
PAGES = [page for page in ROOT.glob("docs/**/*.md") if not BUILT & set(page.parents)]
WRITTEN = ("commands.md", "cards.md", "studies.md")

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the docs are not part of an installed package")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", REFERENCE / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", WRITTEN)
def test_the_reference_is_as_the_program_writes_it(writer: ModuleType, name: str) -> None:
    written = writer.pages()[name]
    found = (REFERENCE / name).read_text(encoding="utf-8")
    assert found == written, f"{name} lags behind: run 'python docs/reference/write.py'"


def test_every_command_card_and_study_has_its_section() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    for path in ("data list", "data show", "data verify", "data explore", "study run", "study report", *COMMANDS):
        assert f"## `leukolab {path}" in text
    text = (REFERENCE / "cards.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in text for name in card_names())
    text = (REFERENCE / "studies.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in text for name in study_names())


@pytest.mark.parametrize("room", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_every_room_has_a_page_that_names_its_files(room: str) -> None:
    page = PACKAGE / room / "README.md"
    assert page.exists(), f"{room} has no README.md"
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {room}\n")
    files = {path.name for path in (PACKAGE / room).glob("*.py")} - {"__init__.py"}
    globs = re.findall(r"[a-z_]+\*\.py", text)
    missing = [name for name in files if name not in text and not any(fnmatch(name, glob) for glob in globs)]
    assert not missing, f"{room}/README.md does not name {', '.join(sorted(missing))}"
    named = set(re.findall(r"`([a-z_0-9]+\.py)`", text))
    assert named <= files, f"{room}/README.md names files that are gone"


def test_links_inside_the_docs_lead_somewhere() -> None:
    broken = []
    for page in [ROOT / "README.md", *PAGES]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_every_page_stands_in_the_list_of_its_folder() -> None:
    listed = {"docs": ROOT / "docs" / "README.md", "log": ROOT / "docs" / "log" / "README.md"}
    missing = []
    for page in PAGES:
        inside = page.relative_to(ROOT / "docs")
        if inside.name in ("README.md", "index.md"):
            continue
        contents = listed["log" if inside.parts[0] == "log" else "docs"]
        if f"]({page.relative_to(contents.parent).as_posix()})" not in contents.read_text(encoding="utf-8"):
            missing.append(str(inside))
    assert not missing, f"not in the contents: {', '.join(missing)}"

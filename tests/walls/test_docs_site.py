"""The site of docs/: it builds without a warning, and a public name without a docstring is one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import leukolab

DOCS = Path(leukolab.__file__).parents[2] / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not part of an installed package")


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-n", "-W", "--keep-going", "-q", str(DOCS), str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "api" / "splits.html").read_text(encoding="utf-8")
    assert 'id="leukolab.splits.makers.make_split"' in page


@pytest.fixture(scope="module")
def settings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_settings", DOCS / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Undocumented:
    pass


Undocumented.__module__ = "leukolab.stats"


@pytest.mark.parametrize(
    ("what", "thing", "lines", "warned"),
    [
        ("class", Undocumented, [], True),
        ("class", Undocumented, [""], True),
        ("class", Undocumented, ["A sentence."], False),
        ("attribute", 3, [], False),
        ("class", Path, [], False),  # another package's
    ],
)
def test_a_public_name_without_a_docstring_is_a_warning(
    settings: ModuleType, monkeypatch: pytest.MonkeyPatch, what: str, thing: object, lines: list[str], warned: bool
) -> None:
    told: list[object] = []
    monkeypatch.setattr(settings.LOGGER, "warning", lambda *words: told.append(words))
    settings.check_docstring(None, what, "leukolab.stats.Undocumented", thing, None, lines)
    assert bool(told) is warned


def test_docstrings_become_restructured_text(settings: ModuleType) -> None:
    lines = ["Weights `a:b` of ``c``:", "- one", "  goes on", "- two"]
    settings.to_rest(None, "function", "", None, None, lines)
    assert lines == ["Weights ``a:b`` of ``c``:", "", "- one", "  goes on", "- two"]


def test_an_attribute_keeps_its_sentence_whole(settings: ModuleType) -> None:
    lines = ["In the folder of a model: written last."]
    settings.to_rest(None, "attribute", "", None, None, lines)
    assert lines == ["\\", "In the folder of a model: written last."]

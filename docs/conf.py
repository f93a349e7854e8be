"""Sphinx builds docs/ as a site: `make docs`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from docutils.nodes import Node
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util import logging

import leukolab

PACKAGE = Path(leukolab.__file__).parent
NEED_DOCSTRINGS = {"module", "class", "exception", "function", "method", "property"}
DOOR = "# import leukolab\n\n```{eval-rst}\n.. automodule:: leukolab\n   :imported-members:\n```\n"
"""The names a notebook uses; the first page of the reference, by its file name."""
LOGGER = logging.getLogger(__name__)

project = "Leukolab"
author = "The Leukolab authors"
release = version = leukolab.__version__
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "README.md"]  # README.md is part of index.md
html_theme = "furo"
html_title = "Leukolab"
html_copy_source = False
highlight_language = "text"
myst_heading_anchors = 4
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_typehints = "signature"
autodoc_type_aliases = {
    name: name
    for name in ("Array", "Floats", "Halves", "Image", "Mask", "NDArray", "Picture", "Pixels", "Plane", "Rows")
}  # shown by these names, not written out
autodoc_member_order = "bysource"
napoleon_custom_sections = ["Source"]
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # a type such as `bytes` that two classes have as a field
nitpick_ignore_regex = [(r"py:.*", r"(?!leukolab\.).*")]  # names of other packages; their sites are not asked


def write_pages(app: Sphinx) -> None:
    """One page per room, made from its README and the docstrings of its files."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        path.unlink()
    for room in sorted(path.parent for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "cli"):
        (folder / f"{room.name}.md").write_text("\n".join(_page(room)), encoding="utf-8")
    (folder / "a-door.md").write_text(DOOR, encoding="utf-8")


def _page(room: Path) -> Iterator[str]:
    yield (room / "README.md").read_text(encoding="utf-8")
    for path in sorted(room.rglob("*.py")):
        if path.name != "__init__.py":
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            yield f"## `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"


def to_rest(_app: Sphinx, what: str, _name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    """Our docstrings have code in single backticks and lists right below a sentence, as Markdown allows.

    A lone backslash, which shows nothing, goes before an attribute's sentence: napoleon takes what stands before a
    colon in the first line for a type.
    """
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)", lambda found: f"``{found[1].strip()}``", "\n".join(lines))
    lines[:] = re.sub(r"(?m)^((?![ -]).+)\n(?=- )", r"\1\n\n", text).split("\n")
    if what in ("attribute", "data", "property") and any(lines):
        lines.insert(0, "\\")


def check_docstring(_app: Sphinx, what: str, name: str, thing: Any, _options: Any, lines: list[str]) -> None:
    """A public name without a docstring is a warning, and so an error."""
    ours = getattr(thing, "__module__", "leukolab").startswith("leukolab")
    named = getattr(thing, "__name__", "") != "<lambda>"  # a lambda is a field's default
    if what in NEED_DOCSTRINGS and ours and named and not any(lines):
        LOGGER.warning("%s: public %s without a docstring", name, what)


def leave_unlinked(_app: Sphinx, _env: Any, node: pending_xref, content: Node) -> Node | None:
    """Type variables, private names and what a module took from elsewhere have no page here: they stay unlinked."""
    module, _, name = str(node.get("reftarget", "")).rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    elsewhere = not getattr(found, "__module__", "leukolab").startswith("leukolab")
    return content if name.startswith("_") or isinstance(found, TypeVar) or elsewhere else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", check_docstring, priority=100)
    app.connect("autodoc-process-docstring", to_rest, priority=200)  # before napoleon
    app.connect("missing-reference", leave_unlinked)

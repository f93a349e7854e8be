"""Templates of this room filled in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leukolab.base.signs import in_xml


def filled(name: str, content: Mapping[str, Any]) -> str:
    """The template `name` with this content; every value is escaped, control characters are
    taken out, and a value that is missing is an error."""
    environment = Environment(
        loader=PackageLoader("leukolab.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return in_xml(environment.get_template(name).render(content))


def style() -> Markup:
    """The style sheet of all pages, to be set into them as it is."""
    sheet = resources.files("leukolab.report") / "templates" / "style.css"
    return Markup(sheet.read_text(encoding="utf-8"))  # our own file

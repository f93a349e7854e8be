"""Control characters in names that people give: what a terminal, a browser or an SVG reader would obey."""

from __future__ import annotations

import re

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and new line; letters that turn the direction of a line; halves of letters."""
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
UNKNOWN = "\ufffd"


def obeyed(text: str) -> bool:
    """Whether the text holds a sign that is not shown but obeyed; a tab or new line counts."""
    return _OBEYED.search(text) is not None or "\t" in text or "\n" in text


def shown(text: str) -> str:
    """The text with such signs written out (`\\x1b`); tabs and new lines stay."""
    return _OBEYED.sub(lambda sign: ascii(sign[0])[1:-1], text)


def in_xml(text: str) -> str:
    """The text without the signs that XML and HTML do not allow."""
    return _NOT_IN_XML.sub(UNKNOWN, text)

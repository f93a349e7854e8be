"""What reading a data set gives: the index, and what a person should know of how it came about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

import pandas as pd

from leukolab.base.findings import Finding

SHOWN = 5
"""Names given of each kind of file that was left out."""
CLOSED, ODD = "read.closed_folder", "read.odd_name"
"""Codes of the findings of what may hold images but is not seen."""


@dataclass(frozen=True)
class Reading:
    """The images of a data set."""

    index: pd.DataFrame = field(repr=False)
    """One row per image, see `index.make_index`."""
    findings: tuple[Finding, ...] = ()
    """Files left out by kind and reason, subjects merged or blank, cells that another card knows."""


def left_out(code: str, names: Iterable[str], severity: str = "info", **values: object) -> tuple[Finding, ...]:
    """The finding `code` of these files or folders: how many, and the first names; none where there are none.

    Args:
        code: such as `read.unread_kind`.
        names: relative to the root.
        severity: of the finding.
        values: more values of its text.
    """
    ordered = sorted(names)
    if not ordered:
        return ()
    shown = [PurePath(name).as_posix().encode(errors="backslashreplace").decode() for name in ordered[:SHOWN]]
    return (Finding(code, severity, {"count": len(ordered), "names": shown, **values}),)  # type: ignore[arg-type]

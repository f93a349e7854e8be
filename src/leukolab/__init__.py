"""Leukolab: classify leukaemia cells in microscope images, and find out honestly how well that works.

`import leukolab` offers what `leukolab.api` holds, loaded when it is asked for. Research use only.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from leukolab.base.version import __version__

if TYPE_CHECKING:
    from leukolab.api import (
        Evaluation,
        StudyRun,
        audit_data,
        draw_cells,
        evaluate,
        load_study,
        make_split,
        open_model,
        open_run,
        read_index,
        run_study,
    )

logging.getLogger(__name__).addHandler(logging.NullHandler())  # a program that imports it decides what is shown

__all__ = [
    "Evaluation",
    "StudyRun",
    "__version__",
    "audit_data",
    "draw_cells",
    "evaluate",
    "load_study",
    "make_split",
    "open_model",
    "open_run",
    "read_index",
    "run_study",
]


def __getattr__(name: str) -> Any:
    """What the door offers, imported now."""
    if name not in __all__:
        raise AttributeError(f"module 'leukolab' has no attribute '{name}'")
    from leukolab import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)

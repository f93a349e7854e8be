"""Both studies at small size, on cells drawn here: what `make demo` runs."""

from __future__ import annotations

import logging
from pathlib import Path

from leukolab.base.home import Home
from leukolab.cards.draw import draw_data_set
from leukolab.spec import load_study
from leukolab.study.run import run_study

NEWS = logging.getLogger(__name__)


def run_demo(out: str | Path, home: Home, language: str = "en") -> tuple[Path, Path, Path]:
    """Draw two synthetic data sets, run both designs on them; the reports are in this language.

    Returns:
        Paths of the report on four classes, of the report on two, and of an image to classify.
    """
    out = Path(out)
    four = draw_data_set(out / "cells-four-classes", "four_class", 40, 10, 112, 7)
    two = draw_data_set(out / "cells-two-classes", "two_class", 100, 6, 112, 7)
    NEWS.info("1 of 2: the design of 'subtypes', four classes")
    subtypes = run_study(load_study("demo_subtypes"), four, out / "subtypes", home, language=language)
    NEWS.info("2 of 2: the design of 'wen', two classes, 15 models, 12 ensembles")
    wen = run_study(load_study("demo"), two, out / "wen", home, language=language)
    example = min((two / "all").iterdir())
    return subtypes, wen, example

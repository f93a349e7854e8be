"""What a command tells while it works, and how much of it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leukolab.base.progress import NEWS

Leukolab = Callable[..., Any]


@pytest.mark.parametrize(
    ("options", "news", "detail"),
    [([], True, False), (["-q"], False, False), (["--verbose"], True, True)],
)
def test_news_and_details_are_shown_as_asked_for(
    leukolab: Leukolab, two_class: Path, tmp_path: Path, options: list[str], news: bool, detail: bool
) -> None:
    settings = ["image.size_px=48", "model={backbone: test_efficientnet, weights: none}", "runtime.trunk=torch"]
    given = [word for setting in settings for word in ("--set", setting)]
    command = ["study", "run", "demo", "--data", two_class, "--out", tmp_path / "run", "--dry-run", *given]
    answer = leukolab(*options, *command)
    assert answer.code == 0, answer.err
    assert ("60 images of phantom\n" in answer.err) is news
    assert ("packed" in answer.err) is detail
    assert "models" in answer.out
    assert (NEWS.level, [type(one) for one in NEWS.handlers]) == (logging.NOTSET, [logging.NullHandler])

"""`leukolab predict` where images cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leukolab.spec import load_study

Leukolab = Callable[..., Any]


@pytest.mark.parametrize("out", [True, False])
def test_where_nothing_can_be_read_nothing_is_written(
    leukolab: Leukolab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: bool
) -> None:
    model = SimpleNamespace(spec=load_study("demo"), see=lambda image: (image,))
    monkeypatch.setattr("leukolab.study.predict.open_model", lambda _: model)
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    table = tmp_path / "calls.csv"
    answer = leukolab("predict", tmp_path, "--run", tmp_path, *(["--out", table] if out else []))
    assert "expected at least one that can be read, found none among 2" in answer.sentence
    assert ("calls.csv is not written" in answer.sentence) == out
    assert answer.err.count("set aside: ") == 2
    assert answer.out == ""
    assert not table.exists()

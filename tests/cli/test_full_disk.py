"""A disk that is too small is named before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leukolab.study import needs


def test_a_disk_too_small_is_named_before_anything_is_trained(
    leukolab: Callable[..., Any], two_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "free_disk", lambda _: 1000)
    settings = [
        "--backbone=test_efficientnet", "--weights=none", "--image-size=48", "--epochs=1", "--protocol=corrected",
        "--set", "runtime.trunk=torch", "--set", "runtime.trunk_batch_size=8",
    ]  # fmt: skip
    out = tmp_path / "out"
    sentence = leukolab("study", "run", "demo", "--data", two_class, "--out", out, *settings).sentence
    assert "needs at least" in sentence
    assert "1.0 kB are free" in sentence
    assert not (out / "jobs").exists()

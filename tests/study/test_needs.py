"""What a run needs is held against what there is before anything is spent: one sentence with both numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base import capacity
from leukolab.base.errors import SpecError
from leukolab.spec import load_study
from leukolab.study import evaluation, memory

INDEX = pd.DataFrame({"label": np.arange(20_000) % 4, "subject": (np.arange(20_000) % 900).astype(str)})


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (["runtime.trunk_batch_size=4096", "image.size_px=2048"], "runtime.trunk_batch_size"),
        (["protocols.corrected.balance.when=in_training", "protocols.corrected.balance.per_class=100000"], "per_class"),
        (["bootstrap=20000", "image.size_px=16"], "bootstrap"),
        (["image.crop_px=8192", "image.size_px=16"], "image.crop_px"),
    ],
)
def test_a_setting_past_the_memory_of_the_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: list[str], setting: str
) -> None:
    spec = load_study("demo", settings)
    monkeypatch.setattr(memory, "free_memory", lambda: 10**8)
    with pytest.raises(SpecError, match=rf"{setting}: .* 100\.0 MB now, got what needs .*B at the least") as caught:
        memory.check_memory(spec, INDEX)
    assert caught.value.settings
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    memory.check_memory(spec, INDEX)


def test_the_shipped_studies_fit_into_two_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2 * 10**9)
    for name in ("demo", "demo_subtypes", "wen", "subtypes", "classify"):
        memory.check_memory(load_study(name), INDEX)


def test_replicates_past_the_memory_are_refused_before_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 10**6)
    labels, probs = np.array([0, 1] * 10), np.tile([0.6, 0.4], (20, 1))
    with pytest.raises(SpecError, match="bootstrap"):
        evaluation.evaluate(labels, probs, groups=np.arange(20) // 2, bootstrap=20_000)


def test_memory_and_disk_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert capacity.free_disk(tmp_path / "not" / "there") > 0
    free = capacity.free_memory()
    assert free is None or free > 0
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(capacity, "_CONTAINER", limit)
    for text, expected in (("max\n", free), ("1000\n", 1000)):
        limit.write_text(text, encoding="ascii")
        found = capacity.free_memory()
        assert (found == 1000) == (expected == 1000)

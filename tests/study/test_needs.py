"""What a run needs is held against what there is before anything is spent: one sentence with both numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base import capacity
from leukolab.base.errors import SpecError
from leukolab.base.home import Home
from leukolab.engine import describe
from leukolab.methods import load_method
from leukolab.spec import ChangeSpec, load_study
from leukolab.study import evaluation, memory, needs
from leukolab.study.needs import check_batches, check_kernels
from leukolab.study.session import recorded_session

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


def test_a_batch_past_what_the_network_holds_is_refused(
    monkeypatch: pytest.MonkeyPatch, small_run: Any, home: Home
) -> None:
    session = recorded_session(small_run.folder, home)
    image_bytes = 4 * describe.widest(session.network, session.spec.image.size_px)
    runtime = session.spec.runtime.model_copy(update={"device": "cpu", "precision": "float32", "trunk_batch_size": 32})
    session = replace(session, spec=session.spec.model_copy(update={"runtime": runtime}))
    monkeypatch.setattr(memory, "free_memory", lambda: 32 * image_bytes)
    check_batches(session)
    monkeypatch.setattr(memory, "free_memory", lambda: 32 * image_bytes - 1)
    with pytest.raises(SpecError, match=r"runtime\.trunk_batch_size: expected what fits into the memory"):
        check_batches(session)
    on_card = runtime.model_copy(update={"device": "cuda"})
    check_batches(replace(session, spec=session.spec.model_copy(update={"runtime": on_card})))


def test_a_kernel_past_the_memory_of_the_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, small_run: Any, home: Home
) -> None:
    session = recorded_session(small_run.folder, home)
    learned = session.material.splits[session.spec.believed_protocol].learned_at_once
    assert 0 < learned < len(session.material.index)
    once, twice = (load_method("k450").model_copy(update={"also": also}) for also in ((), (ChangeSpec(focus=1),)))
    linear = load_method("l450")
    monkeypatch.setattr(needs, "free_memory", lambda: 8 * learned**2)
    for methods in ({"k450": once}, {"l450": linear}):
        check_kernels(replace(session, methods=replace(session.methods, specs=methods)))
    with pytest.raises(SpecError, match=r"method k450: .* each seen 2x, make a kernel of .*l450"):
        check_kernels(replace(session, methods=replace(session.methods, specs={"k450": twice})))


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

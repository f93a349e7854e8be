"""The audit's benchmark: every change of a cell is one, its counting by hand, and the drawn part really run."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.base.streams import stream
from leukolab.images import decode
from leukolab.images.phantom import PhantomSpec, draw_cell, subject_look

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand")


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("audit")


def test_every_change_changes_the_picture_and_its_outline_stays_inside(audit: ModuleType, tmp_path: Path) -> None:
    look = subject_look(PhantomSpec(), 3, "s")
    image, _ = draw_cell(PhantomSpec(), "pro", look, stream(3, "cell"), 128)
    Image.fromarray(image).save(tmp_path / "cell.png")
    planted = [audit.plant(name, [tmp_path / "cell.png"], tmp_path, 1)[0] for name in audit.CHANGES]
    assert len({path.read_bytes() for path in planted}) == len(planted)
    for name, path in zip(audit.CHANGES, planted, strict=True):
        copy = decode(path)
        assert copy.shape != image.shape or (copy != image).any(), name
        assert np.count_nonzero(copy.max(axis=2) > 12) > 200


def test_pairs_are_counted_by_change(audit: ModuleType) -> None:
    copies = [audit.Copy(change, of, Path(), 0) for change in list(audit.CHANGES)[:2] for of in ("a", "b")]
    first, second = list(audit.CHANGES)[:2]
    pairs = [(f"{first}: a", "a"), (f"{first}: b", "a"), ("c", "d"), (f"{first}: a", f"{second}: a"), ("b", "c")]
    clean = SimpleNamespace(pairs=pd.DataFrame([("c", "d"), ("e", "f")], columns=["image_id", "other_id"]))
    doubtful = pd.DataFrame([(f"{second}: b", "b")], columns=["image_id", "other_id"])
    twins = SimpleNamespace(pairs=pd.DataFrame(pairs, columns=["image_id", "other_id"]), doubtful=doubtful)
    found = audit.counted(copies, twins, clean)
    assert (found["false_alarms"], found["real_pairs_lost"]) == (2, 1)
    assert found["changes"][first] == {"found": 1, "doubtful": 0, "false_alarms": 1}
    assert found["changes"][second] == {"found": 0, "doubtful": 1, "false_alarms": 0}


def test_drawn_cells_have_no_twins(audit: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["audit", "--phantom", "40", "--out", str(out), "--part", "phantom"])
    audit.main()
    found = json.loads(out.read_text())["phantom"]
    assert (found["images"], found["pairs"]) == (40, {})
    assert found["peak_memory_mib"] > 0

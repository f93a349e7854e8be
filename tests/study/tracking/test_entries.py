"""What a tracker is told of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukolab.base.errors import RunError
from leukolab.results.folder import RunFolder
from leukolab.results.records import EnvironmentRecord
from leukolab.study.tracking.entries import flat, run_end


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


def test_a_run_ended_when_it_noted_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.record(RunFolder.environment, EnvironmentRecord(until="1970-01-01T00:01:00.500000+00:00"))
    assert run_end(folder) == 60.5
    folder.record(RunFolder.environment, EnvironmentRecord())
    with pytest.raises(RunError, match=r"environment\.json: until: expected the time when the run was done, got ''"):
        run_end(folder)

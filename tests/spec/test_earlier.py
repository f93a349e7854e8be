"""Settings of an earlier version: `report` named a design, protocols had no stance."""

from __future__ import annotations

from pathlib import Path

from leukolab.base.files import write_json
from leukolab.results import RunFolder
from leukolab.spec import load_study


def test_settings_of_before_are_those_of_now(tmp_path: Path) -> None:
    for name in ("wen", "subtypes"):
        now = load_study(name)
        before = now.model_dump(mode="json") | {"report": name}
        del before["published"]
        for protocol in before["protocols"].values():
            del protocol["stance"]
        write_json(tmp_path / RunFolder.SETTINGS, before)
        assert RunFolder(tmp_path).spec == now

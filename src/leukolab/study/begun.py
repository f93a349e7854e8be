"""The settings a run folder was begun with, in both their files."""

from __future__ import annotations

from pathlib import Path

import yaml

from leukolab.base.files import write_text
from leukolab.spec import StudySpec

STUDY_FILE = "study.yaml"
"""The resolved settings in the run folder; `study run` takes them as they are."""


def write_settings(run: Path, spec: StudySpec) -> None:
    """Write the settings into both their files, each whole or as before."""
    write_text(run / "spec.json", spec.model_dump_json(indent=2))
    write_text(run / STUDY_FILE, yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

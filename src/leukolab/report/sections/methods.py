"""Sections of studies with methods: what was chosen on inner folds."""

from __future__ import annotations

from leukolab.report.items import Section
from leukolab.report.sections.common import Scene, kept
from leukolab.report.tables.inner import inner_sheet


def inner_choice(scene: Scene) -> Section:
    """What methods tried on the inner folds; empty where none had a choice."""
    return Section("inner", kept(inner_sheet(scene.run, scene.texts)))

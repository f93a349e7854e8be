"""Sections of the page. A study's `report.sections` names which of `SECTIONS` it has, in order."""

from __future__ import annotations

from collections.abc import Callable

from leukolab.report.items import Section
from leukolab.report.sections import common, importance, methods, network, shifts, subtypes, wen
from leukolab.report.sections.common import Scene

SECTIONS: dict[str, Callable[[Scene], Section]] = {
    "beside_colour": subtypes.beside_colour,
    "pooled": common.pooled_section,
    "hypotheses": wen.hypotheses,
    "members": wen.members,
    "importance": importance.importance_section,
    "shifts": shifts.shifts_section,
    "data": common.data_section,
    "data_flow": subtypes.data_flow,
    "study_flow": wen.study_flow,
    "model": network.model_section,
    "learning": subtypes.learning,
    "learning_folds": wen.learning_folds,
    "folds": wen.folds,
    "ensembles": wen.ensembles,
    "inner_choice": methods.inner_choice,
    "results": subtypes.results,
    "ensemble_results": wen.ensemble_results,
    "subjects": common.subjects_section,
    "wrong": common.wrong_section,
    "scores": common.scores_section,
    "used": common.used_section,
}
"""Name in a study's YAML to what builds the section; one without items is left out."""
AFTER_RUN = ("importance", "shifts")
"""Sections of what only some runs have, whatever their study, after those it names."""

__all__ = ["AFTER_RUN", "SECTIONS", "Scene"]

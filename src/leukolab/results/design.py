"""The published design a run follows, and where the run departs from it."""

from __future__ import annotations

from leukolab.spec import StudySpec, load_study, study_names


def design_of(spec: StudySpec) -> StudySpec | None:
    """The shipped study whose title or name the settings bear, with a source; None where there is none."""
    designs = [load_study(name) for name in study_names()]
    found = [one for one in designs if one.source and (one.title == spec.title or one.name == spec.name)]
    return found[0] if found else None


def departures(spec: StudySpec, design: StudySpec) -> set[str]:
    """Settings of a run that make what the design's title and question say untrue of it."""
    found = set()
    if network(spec) != network(design):
        found.add("backbone")
    if (spec.data.card, spec.data.view) != (design.data.card, design.data.view):
        found.add("data")
    if (spec.ensembles is None) != (design.ensembles is None):
        found.add("ensembles")
    balanced = {name: one.balance.when for name, one in design.protocols.items()}
    if any(balanced.get(name, one.balance.when) != one.balance.when for name, one in spec.active_protocols.items()):
        found.add("balance")
    return found


def network(spec: StudySpec) -> str:
    """The backbone without the tag of its weights."""
    return spec.model.backbone.partition(".")[0]

"""What a run may be called, its limits and its glossary: made of what was run, not of what was planned."""

from __future__ import annotations

from typing import Any

from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.texts import Texts
from leukolab.results.design import departures, design_of
from leukolab.spec import StudyWords

FEW_CLASSES = 5
"""Up to so many classes are named in a title; more are counted."""


def words_of(run: Run, names: Names, texts: Texts) -> StudyWords:
    """Title, question and source; a design's title is that of the run where the run is of something else."""
    words, design = run.spec.words(texts.language), design_of(run.spec)
    if design is None or design.title != run.spec.title or not departures(run.spec, design):
        return words
    values = {"data": names.data_set(run.card.title), "classes": classes(run, names)}
    title = texts("page.title_of_run", backbone=run.spec.model.backbone, **values)
    question = words.question if run.spec.question != design.question else ""
    return StudyWords(title=title, question=question, source=words.source)


def classes(run: Run, names: Names) -> str:
    """The classes by name, or how many there are."""
    found = [names.class_name(name) for name in run.class_names]
    return ", ".join(found) if len(found) <= FEW_CLASSES else names.texts("flow.classes", count=len(found))


def limits(run: Run, names: Names, texts: Texts) -> list[str]:
    """Every limit that holds for this run."""
    found = [texts("limits.research")]
    if any(run.reproduces(protocol) for protocol in run.protocols):
        found.append(texts("limits.published"))
    found += [texts("limits.upper_bounds"), texts("limits.subjects")]
    values = {
        "data": names.data_set(run.card.title),
        "classes": classes(run, names),
        "backbone": run.spec.model.backbone,
        "weights": texts.name("begun_with", run.begun_with),
    }
    found += [texts(f"limits.{name}", **values) for name in run.spec.report.limits]
    if not run.card.subjects_known:
        found.append(texts("limits.no_subjects"))
    return found


TERMS = (
    "identity_group", "by_image", "by_subject", "sensitivity", "specificity", "balanced_accuracy", "auc", "kappa",
    "interval", "rival", "to_believe", "to_compare", "outer_part", "tuning", "ensemble", "champion", "inter_lr", "holm",
)  # fmt: skip
"""Terms of the glossary, in its order."""


def glossary(run: Run, texts: Texts) -> list[tuple[str, str]]:
    """Terms that this page uses, each with what it means."""
    used = _used(run)
    return [(texts(f"glossary.{term}.term"), texts(f"glossary.{term}.means")) for term in TERMS if used.get(term, True)]


def _used(run: Run) -> dict[str, Any]:
    """Terms that not every run uses, and whether this one does."""
    two, subjects = len(run.class_names) == 2, run.card.subjects_known
    published = any(run.reproduces(protocol) for protocol in run.protocols)
    parts = set(run.composition["role"]) if len(run.composition) else set()
    found = dict.fromkeys(("ensemble", "champion"), run.mixes)
    found |= {"inter_lr": run.mixes and len(run.spec.training.learning_rates) > 1, "holm": len(run.hypotheses) > 0}
    found |= {"sensitivity": two, "specificity": two, "by_subject": subjects, "identity_group": subjects}
    found |= {"to_compare": published, "to_believe": not all(run.reproduces(name) for name in run.protocols)}
    several = run.jobs.groupby("protocol")["outer"].nunique().max() > 1
    return found | {"tuning": "tuning" in parts, "outer_part": several}

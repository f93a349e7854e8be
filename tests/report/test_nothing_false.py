"""For each claim of the report a run of which it would be false: it is not made there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leukolab.report import about
from leukolab.report.names import Names
from leukolab.report.paragraph import methods_paragraph
from leukolab.report.run import Run, read_run
from leukolab.report.texts import load_texts
from leukolab.spec import StudySpec, load_study
from small_runs import SmallRun

TEXTS = load_texts()


@pytest.fixture(scope="module")
def names(mixing_run: SmallRun) -> Names:
    return Names.of(mixing_run.folder, TEXTS)


@pytest.fixture(scope="module")
def run(mixing_run: SmallRun) -> Run:
    return read_run(mixing_run.folder)


def of(run: Run, *settings: str, **card: Any) -> Run:
    """The run as if it were one of `wen` with these settings, and of these data."""
    spec = load_study("wen", list(settings))
    return replace(run, spec=spec, card=run.card.model_copy(update=card))


@pytest.mark.parametrize(
    "setting", ["model.backbone=tf_efficientnet_lite0.in1k", "data.card=folder", "data.view=two_class"]
)
def test_a_run_of_something_else_is_not_called_by_its_designs_title(setting: str, run: Run, names: Names) -> None:
    design = load_study("wen")
    same = about.words_of(of(run), names, TEXTS)
    assert (same.title, same.question) == (design.title, design.question)
    other = of(run, "data.parts=null", setting, title="Cells of mine")
    words = about.words_of(other, names, TEXTS)
    assert words.title == f"{other.spec.model.backbone} on Cells of mine (normal, leukaemic (all))"
    assert words.question == ""
    assert design.title not in methods_paragraph(other, names, TEXTS)


def test_a_title_of_ones_own_stays(run: Run, names: Names) -> None:
    other = of(run, "data.card=folder", "data.parts=null", "title=Mine", "question=Ours")
    assert about.words_of(other, names, TEXTS) == other.spec.words("en")


@pytest.mark.parametrize(("weights", "said"), [("none", "drawn weights"), ("auto", "pretrained weights")])
def test_limits_are_those_of_the_run(weights: str, said: str, run: Run, names: Names) -> None:
    other = of(run, f"model.weights={weights}", title="Cells of mine", subjects_known=False)
    other = replace(other, architecture=other.architecture.model_copy(update={"weights": {}}))
    text = " ".join(about.limits(other, names, TEXTS))
    assert f"begun with {said}" in text
    assert "One data set (Cells of mine; normal, leukaemic (all))" in text
    assert "Not every image has a known subject" in text
    assert "ImageNet" not in text
    assert "public" not in text


def test_terms_of_the_glossary_are_those_of_the_run(run: Run) -> None:
    terms = {term for term, _ in about.glossary(run, TEXTS)}
    assert {"Sensitivity", "Identity group", "Champion", "Tuning part"} <= terms
    assert "Outer part" not in terms
    alone = replace(run, spec=run.spec.model_copy(update={"ensembles": None}), hypotheses=run.hypotheses.head(0))
    alone = replace(alone, card=run.card.model_copy(update={"subjects_known": False, "class_names": ("a", "b", "c")}))
    terms = {term for term, _ in about.glossary(alone, TEXTS)}
    assert not {"Sensitivity", "Identity group", "Champion", "By subject", "p (Holm)", "Ensemble"} & terms


def test_classes_are_called_as_people_say_them_where_the_card_is_known(names: Names) -> None:
    own = replace(names, card="folder")
    official = replace(names, card="cnmc2019")
    assert [own.class_name(name) for name in ("all", "early_pre", "v1.2")] == ["all", "early_pre", "v1.2"]
    assert [official.class_name(name) for name in ("hem", "all")] == ["normal (hem)", "leukaemic (all)"]
    assert (own.things, official.things) == ("images", "cells")


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ((), "Training images were changed at random (flipped left to right, ", "were not changed at random"),
        (("training.augment={}",), "were not changed at random", "views of each image"),
        (("training.augment.views=online",), "fresh in each epoch", "were drawn once"),
        (("training.class_weights=false",), "Classes were not weighted", "The loss weighs each class"),
        (("ensembles=null",), "highest Cohen's kappa", "Ensembles ("),
        (
            ("readings.two_stage.stages.0.patience=null",),
            "head only for at most 50 epochs, ",
            "head only for at most 50 epochs (",
        ),
    ],
)
def test_the_methods_paragraph_says_what_was_set(
    settings: tuple[str, ...], said: str, unsaid: str, run: Run, names: Names
) -> None:
    text = methods_paragraph(of(run, *settings), names, TEXTS).replace("\n", " ")
    assert said in text
    assert unsaid not in text


def test_the_methods_paragraph_names_precision_and_versions(run: Run, names: Names) -> None:
    runtime = run.spec.runtime.model_copy(update={"precision": "bfloat16", "device": "cpu"})
    spec: StudySpec = run.spec.model_copy(update={"runtime": runtime})
    text = methods_paragraph(replace(run, spec=spec), names, TEXTS)
    assert "precision: bfloat16" in text
    assert "PyTorch 1.2.3" in text
    assert "The positive class is leukaemic (all)" in text

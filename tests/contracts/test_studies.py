"""What every shipped study must keep to; a new file in `studies/` is found by itself."""

from __future__ import annotations

import json

import pytest
import timm

from leukolab.cards import get_card
from leukolab.report.sections import SECTIONS
from leukolab.report.texts import languages, load_texts
from leukolab.results.answers import ANSWERS
from leukolab.spec import StudySpec, load_study, study_names
from leukolab.stats import METRICS

STUDIES = study_names()


def test_the_studies_of_the_project_are_there() -> None:
    assert {"subtypes", "wen", "demo", "demo_subtypes"} <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_it_is(name: str) -> None:
    spec = load_study(name)
    assert spec.name == name
    assert spec.title
    assert spec.question.endswith("?")
    reproduces = any(protocol.stance == "published" for protocol in spec.protocols.values())
    assert spec.source or not reproduces, "what is reproduced has a source"


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("language", [language for language in languages() if language != "en"])
def test_a_study_says_it_in_every_language(name: str, language: str) -> None:
    spec = load_study(name)
    own, words = spec.words("en"), spec.words(language)
    assert own.title == spec.title
    assert words.title != own.title
    assert words.question.endswith("?")
    assert words.question != own.question
    assert bool(words.source) == bool(own.source)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_comes_back_from_json_as_it_was(name: str) -> None:
    spec = load_study(name)
    assert StudySpec.model_validate(json.loads(json.dumps(spec.model_dump(mode="json")))) == spec


@pytest.mark.parametrize("name", STUDIES)
def test_the_backbone_is_pinned_by_a_tag_that_timm_has(name: str) -> None:
    backbone = load_study(name).model.backbone
    assert "." in backbone
    assert backbone in timm.list_pretrained(f"{backbone.partition('.')[0]}.*")


PROTOCOLS = [(name, protocol) for name in STUDIES for protocol in load_study(name).protocols]


@pytest.mark.parametrize(("name", "protocol"), PROTOCOLS)
def test_published_protocols_leak_on_purpose_and_corrected_ones_may_not(name: str, protocol: str) -> None:
    settings = load_study(name).protocols[protocol]
    if settings.stance == "published":
        assert settings.allow_leakage
        assert settings.split.by == "image"
        return
    assert not settings.allow_leakage
    assert settings.split.by in ("group", "auto")
    assert settings.champion_on != "test"
    assert settings.weights_on != "test"
    assert settings.balance.when in ("never", "in_training")


@pytest.mark.parametrize(("name", "protocol"), PROTOCOLS)
def test_outer_parts_are_among_those_of_the_split(name: str, protocol: str) -> None:
    spec = load_study(name, [f"protocol={protocol}"])
    there = range(1, spec.active_protocols[protocol].split.outer + 1)
    for reading in spec.readings.values():
        assert set(reading.outer_parts.get(protocol, ())) <= set(there)
    assert spec.outer_parts is None or set(spec.outer_parts) <= set(there)


@pytest.mark.parametrize("name", STUDIES)
def test_the_report_of_a_study_is_made_of_what_there_is(name: str) -> None:
    report = load_study(name).report
    assert set(report.sections) <= set(SECTIONS)
    assert set(report.answers) <= set(ANSWERS)
    assert report.primary in METRICS
    for language in languages():
        texts = load_texts(language).entries
        assert {f"limits.{limit}" for limit in report.limits} <= set(texts)
        assert not report.labels or any(key.endswith(f".label_{report.labels}") for key in texts)


@pytest.mark.parametrize("name", STUDIES)
def test_the_card_has_the_parts_and_view_asked_for(name: str) -> None:
    spec = load_study(name)
    card = get_card(spec.data.card)
    assert set(spec.data.parts or ()) <= set(card.parts)
    assert spec.data.view is None or spec.data.view in card.views


@pytest.mark.parametrize("name", STUDIES)
def test_published_figures_are_of_a_known_card_and_only_beside_its_own_classes(name: str) -> None:
    spec = load_study(name)
    if spec.published is None:
        return
    card = get_card(spec.published.card)
    assert spec.published_here == (spec.published if spec.data.card == card.name else None)
    assert all(0 <= part.accuracy <= 1 for part in spec.published.parts)
    for view in card.views:
        assert load_study(name, [f"data.view={view}"]).published_here is None
    assert load_study(name, ["data={card: another}"]).published_here is None


@pytest.mark.parametrize("name", STUDIES)
def test_a_head_fits_the_kind_of_report(name: str) -> None:
    spec = load_study(name)
    assert (spec.model.head == "sigmoid") == (spec.ensembles is not None)

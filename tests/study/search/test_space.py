"""What may be searched, as typed."""

from __future__ import annotations

import pytest

from leukolab.base.errors import SpecError
from leukolab.spec import StudySpec, load_study
from leukolab.study.search.space import Dimension, filled, read_space

RATE = "training.learning_rates=log:1e-5..1e-2"


def spec(*settings: str) -> StudySpec:
    return load_study("demo", settings)


def test_ranges_and_choices_are_read() -> None:
    texts = [RATE, "model.dropout=0..0.5", "training.augment.views=2..8", "training.batch_size=16,32"]
    assert read_space(texts, spec()) == (
        Dimension("training.learning_rates", 1e-5, 1e-2, log=True),
        Dimension("model.dropout", 0.0, 0.5),
        Dimension("training.augment.views", 2, 8),
        Dimension("training.batch_size", choices=(16, 32)),
    )


def test_words_and_stages_of_a_reading_are_settings_too() -> None:
    texts = [RATE, "readings.two_stage.stages.1.release=last_stage,all", "training.class_weights=true,false"]
    texts += ["readings.two_stage.stages.0.patience=null,3"]
    choices = [one.choices for one in read_space(texts, spec())[1:]]
    assert choices == [("last_stage", "all"), (True, False), (None, 3)]


def test_values_are_filled_in_and_a_rate_becomes_a_list_of_one() -> None:
    study = spec("runtime.threads=1")
    found = filled(study, {"training.learning_rates": 0.02, "readings.two_stage.stages.1.epochs": 5})
    assert found.training.learning_rates == (0.02,)
    assert [stage.epochs for stage in found.readings["two_stage"].stages] == [8, 5]
    assert found.runtime is study.runtime
    assert found.model == study.model


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model.droput=0.0..0.5", "Did you mean 'dropout'?"),
        ("model.dropout=0.0..1.0", "less than 1, got 1.0"),
        ("training.batch_size=16.0..32.0", "valid integer"),
        ("training.batch_size=16,0", "greater than or equal to 1, got 0"),
        ("data.view=two_class,null", "a search leaves images and split as they are"),
        ("seed=1..9", "a search leaves images and split as they are"),
        ("readings.two_stage.outer_parts=1,2", "a search leaves images and split as they are"),
        ("readings.two_stages.stages.1.epochs=1..5", "Did you mean 'two_stage'?"),
        ("readings.two_stage.stages.7.epochs=1..5", "has no settings inside"),
        ("model.dropout", "expected a setting and its values"),
        ("model.dropout=0.1", "several choices, each once"),
        ("model.dropout=0.1,0.1", "several choices, each once"),
        ("model.dropout=[1],[2]", "expected numbers or words"),
        ("model.dropout=0.5..0.1", "expected two numbers LOW..HIGH"),
        ("model.dropout=0.1..0.2..0.3", "expected two numbers LOW..HIGH"),
        ("model.dropout=nan..0.1", "expected two numbers LOW..HIGH"),
        ("model.dropout=log:0..0.5", "both above 0"),
    ],
)
def test_what_may_not_be_is_told_with_the_text_as_typed(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_space([RATE, text], spec())
    assert str(caught.value).startswith((f"search '{text}': ", f"{text.partition('=')[0]}: "))
    assert sentence in str(caught.value)


def test_a_trial_is_one_model_a_fold() -> None:
    said = r"this study has 3: set training.learning_rates=\[.+\], or search it: 'training"
    with pytest.raises(SpecError, match=said):
        read_space(["model.dropout=0.0..0.5"], spec())
    assert read_space(["model.dropout=0.0..0.5"], spec("training.learning_rates=[0.01]"))
    with pytest.raises(SpecError, match="has frozen, finetune: choose one of its readings"):
        read_space([RATE], load_study("demo_subtypes"))
    own = "readings.two_stage.learning_rates=[0.1, 0.2]"
    with pytest.raises(SpecError, match="one setting for the learning rate, readings"):
        read_space([RATE], spec(own))
    assert read_space(["readings.two_stage.learning_rates=0.1,0.3"], spec(own))
    with pytest.raises(SpecError, match="each setting once"):
        read_space([RATE, RATE], spec())

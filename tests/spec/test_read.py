from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from leukolab.base.errors import SpecError
from leukolab.spec import BalanceSpec, load_study
from leukolab.spec.read import raw_study


def written(path: Path, changes: dict[str, object]) -> Path:
    _, raw = raw_study("demo")
    path.write_text(yaml.safe_dump(raw | changes), encoding="utf-8")
    return path


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.yaml", {"name": "mine", "seed": 3})
    spec = load_study(str(path))
    assert (spec.name, spec.seed) == ("mine", 3)
    assert load_study(str(path), ["seed=4"]).seed == 4


def test_settings_cannot_be_changed_after_reading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_study("wen").seed = 1  # type: ignore[misc]


def test_unknown_studies_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"'subtype' is not known\. Did you mean 'subtypes'"):
        load_study("subtype")
    with pytest.raises(SpecError, match="expected a YAML file here, found none"):
        load_study(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [("- a\n- b\n", "expected a mapping"), ("a: [1", "expected YAML"), ("a: b: c", "expected YAML"), ("", "mapping")],
)
def test_a_file_that_is_no_study_says_so(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=words):
        load_study(str(path))


def test_a_folder_named_like_a_study_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").mkdir()
    with pytest.raises(SpecError, match=r"mine\.yaml: expected a YAML file, found what cannot be read \(a folder"):
        load_study(str(tmp_path / "mine.yaml"))


def test_a_file_in_another_encoding_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes("title: Zürich".encode("utf-16"))
    with pytest.raises(SpecError, match="expected YAML"):
        load_study(str(path))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("protocols.corrected.split.folds=1", "expected a whole number from 2 to 20, got 1. For one split use"),
        ("protocols.corrected.split.outer=2", "needs at least 3 parts"),
        ("protocols.corrected.split.kind=file", "'file' goes with"),
        ("protocols.corrected.split.test=1.5", "less than 1"),
        ("protocols.corrected.balance={when: in_training}", "'per_class' goes with"),
        ("model.dropout=1", "less than 1"),
        ("model.head=logistic", "'softmax' or 'sigmoid'"),
        ("readings.two_stage.stages=[]", "at least 1 item"),
        ("bootstrap=3", "greater than or equal to 100"),
    ],
)
def test_values_that_may_not_be_are_one_sentence_with_their_place(override: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_study("demo", [override])
    text = str(caught.value)
    assert text.startswith("demo.yaml: ")
    assert words in text
    assert "\n" not in text
    assert override.split("=")[0].rsplit(".", 1)[0].split(".")[0] in text


def test_a_protocol_that_the_study_lacks_is_refused(tmp_path: Path) -> None:
    _, raw = raw_study("demo")
    protocols = {"published": raw["protocols"]["published"]}
    with pytest.raises(SpecError, match="'corrected' is not among the protocols"):
        load_study(str(written(tmp_path / "mine.yaml", {"protocols": protocols})))


@pytest.mark.parametrize("group", ["protocols", "readings"])
@pytest.mark.parametrize("name", ["", "../mine", "a b", "a.b", "x" * 41, "größe", "mine\n"])
def test_a_name_that_is_no_name_of_a_folder_is_refused(group: str, name: str, tmp_path: Path) -> None:
    _, raw = raw_study("demo")
    named = raw[group] | {name: next(iter(raw[group].values()))}
    with pytest.raises(SpecError) as caught:
        load_study(str(written(tmp_path / "mine.yaml", {group: named})))
    assert str(caught.value).startswith(f"mine.yaml: {group}.{name}: expected a name of 1 to 40 letters")
    assert str(caught.value).endswith(f"got {name!r}.")


def test_letters_digits_and_lines_name_a_folder(tmp_path: Path) -> None:
    _, raw = raw_study("demo")
    name = "My-own_2" + "x" * 32
    named = raw["readings"] | {name: raw["readings"]["two_stage"]}
    spec = load_study(str(written(tmp_path / "mine.yaml", {"readings": named, "ensembles": None})))
    assert name in spec.readings


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    _, raw = raw_study("demo")
    del raw["training"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(SpecError, match=r"mine\.yaml: training: field required"):
        load_study(str(path))


def test_balance_needs_its_number() -> None:
    assert BalanceSpec().when == "never"
    with pytest.raises(ValidationError, match="per_class"):
        BalanceSpec(when="never", per_class=3)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.learning_rates=[]", "training.learning_rates: tuple should have at least 1 item"),
        ("training.learning_rates=[-1]", "training.learning_rates.0: input should be greater than 0, got -1"),
        ("training.learning_rates=[.nan]", "training.learning_rates.0: input should be a finite number"),
        ("training.learning_rates=[0.1, 0.1]", "expected each learning rate once"),
        (
            "readings.two_stage.stages.0.release=last",
            "release: input should be 'head', 'last_stage' or 'all' or a valid",
        ),
        ("readings.two_stage.stages.0.release=-1", "or greater than or equal to 0, got -1"),
        ("training.augment.views=0", "training.augment.views: input should be greater than or equal to 1 or 'online'"),
        ("outer_parts=[0]", "outer_parts.0: input should be greater than or equal to 1, got 0"),
        ("readings={}", "readings: expected one reading or one method"),
        ("protocols.corected.split.kind=kfold", "protocols: there is no 'corected'. Did you mean 'corrected'?"),
    ],
)
def test_settings_that_could_not_be_trained_are_refused_on_reading(override: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_study("demo", [override])
    assert words in str(caught.value)


def test_the_published_accuracy_is_that_of_the_test_part() -> None:
    published = load_study("subtypes").published
    assert published is not None
    assert published.test_accuracy == 0.975


def test_published_figures_without_those_of_the_test_part_are_refused() -> None:
    with pytest.raises(SpecError, match=r"published: parts: expected the paper's figures of 'test', got train only"):
        load_study("demo", ["published={card: mine, parts: [{role: train, loss: 0.1, accuracy: 0.9}]}"])


def test_a_reading_with_fewer_epochs_than_published_is_shortened() -> None:
    subtypes, wen = load_study("subtypes"), load_study("wen")
    assert {name: one.shortened for name, one in subtypes.readings.items()} == {
        "frozen": False, "finetune": False, "whole": True,
    }  # fmt: skip
    assert not wen.readings["two_stage"].shortened
    assert load_study("wen", ["readings.two_stage.stages.0.epochs=10"]).readings["two_stage"].shortened
    assert [stage.stops_after for stage in subtypes.readings["frozen"].stages] == [None]
    assert [stage.stops_after for stage in wen.readings["two_stage"].stages] == [10, 10]

from __future__ import annotations

from typing import Any

import pytest

from leukolab.base.errors import SpecError
from leukolab.spec import DataSpec
from leukolab.spec.overrides import Overrides, resolve


def wen(**given: Any) -> Any:
    return resolve("wen", Overrides(**given))


def test_no_option_changes_nothing() -> None:
    assert wen().model.backbone == "tf_efficientnetv2_m.in1k"
    assert wen() == wen()


@pytest.mark.parametrize(
    ("option", "value", "place", "expected"),
    [
        ("protocol", "published", "protocol", "published"),
        ("protocol", "both", "protocol", "both"),
        ("backbone", "tf_efficientnet_lite0", "model.backbone", "tf_efficientnet_lite0"),
        ("weights", "none", "model.weights", "none"),
        ("weights", "file:/a folder/w.pth", "model.weights", "file:/a folder/w.pth"),
        ("subject_from", "[*&]: (x)", "data.subject_from", "[*&]: (x)"),
        ("weights", "file:/a: b", "model.weights", "file:/a: b"),
        ("image_size", 224, "image.size_px", 224),
        ("seed", 0, "seed", 0),
        ("outer_parts", (1, 3), "outer_parts", (1, 3)),
        ("outer_parts", "all", "outer_parts", None),
    ],
)
def test_an_option_sets_its_place(option: str, value: object, place: str, expected: object) -> None:
    found: Any = wen(**{option: value})
    for name in place.split("."):
        found = getattr(found, name)
    assert found == expected


@pytest.mark.parametrize(("given", "expected"), [((4,), [4, 4]), ((3, 2), [3, 2])])
def test_epochs_go_to_the_stages(given: tuple[int, ...], expected: list[int]) -> None:
    assert [stage.epochs for stage in wen(epochs=given).readings["two_stage"].stages] == expected


def test_readings_are_picked_by_name() -> None:
    spec = resolve("subtypes", Overrides(readings=("frozen", "whole")))
    assert list(spec.readings) == ["frozen", "whole"]


def test_methods_given_stand_in_place_of_the_study_s_own() -> None:
    assert resolve("own", Overrides()).methods == ("own",)
    assert resolve("own", Overrides(methods=("k450", "a folder/mine.yaml"))).methods == ("k450", "a folder/mine.yaml")
    with pytest.raises(SpecError, match="expected none beside ensembles"):
        wen(methods=("k450",))


def test_epochs_reach_the_readings_that_are_kept_only() -> None:
    spec = resolve("subtypes", Overrides(readings=("frozen",), epochs=(5,)))
    assert spec.readings["frozen"].stages[0].epochs == 5


def test_classes_of_the_disease() -> None:
    assert wen(positive=("hem",)).data.positive == "hem"
    assert wen(positive=("a", "b")).data.positive_names == ("a", "b")
    assert wen().data.positive_names == ()


def test_other_data_replace_the_studys_own() -> None:
    assert wen(data=DataSpec(card="mine", view="two"), subject_from="(x)").data.model_dump() == {
        "card": "mine", "parts": None, "view": "two", "subject_from": "(x)", "audit": "auto", "accept": None,
        "part_from": None, "include": (), "exclude": (), "columns": {}, "positive": None,
    }  # fmt: skip


def test_ways_to_read_images_reach_the_data() -> None:
    data = wen(part_from="^([^/]+)/", include=("a",), exclude=("b", "c"), columns=(("label", "class"),)).data
    assert (data.part_from, data.include, data.exclude) == ("^([^/]+)/", ("a",), ("b", "c"))
    assert data.columns == {"label": "class"}


def test_set_comes_last_and_reaches_everything() -> None:
    spec = wen(
        backbone="resnet18",
        settings=(
            ("model.backbone", "resnet34"),
            ("training.learning_rates", [0.1, 0.2]),
            ("training.augment.views", "online"),
            ("readings.two_stage.stages.0.patience", None),
            ("protocols.corrected.split.folds", 3),
            ("ensembles", None),
            ("runtime.device", "cpu"),
        ),
    )
    assert spec.model.backbone == "resnet34"
    assert spec.training.learning_rates == (0.1, 0.2)
    assert spec.training.augment.views == "online"
    assert spec.readings["two_stage"].stages[0].patience is None
    assert spec.protocols["corrected"].split.folds == 3
    assert spec.ensembles is None
    assert spec.runtime.device == "cpu"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "publisched"}, ["protocol", "'publisched'"]),
        ({"readings": ("two_stages",)}, ["readings: ", "'two_stages'", "Did you mean 'two_stage'?"]),
        ({"epochs": (1, 2, 3)}, ["epochs: ", "2 stages", "3 numbers"]),
        ({"epochs": (0,)}, ["epochs", "greater than or equal to 1"]),
        ({"image_size": 4}, ["image.size_px", "16", "4"]),
        ({"settings": (("seed.deep.er", 1),)}, ["seed.deep.er: ", "no settings inside"]),
        ({"settings": (("readings.two_stage.stages.7.epochs", 1),)}, ["no settings inside"]),
        ({"settings": (("training.batch_size", 0),)}, ["training.batch_size", "0"]),
        ({"settings": (("training.batch_size", "many"),)}, ["training.batch_size", "'many'"]),
    ],
)
def test_what_may_not_be_is_one_sentence(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        wen(**given)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("sead", "seed"),
        ("trainning.batch_size", "training"),
        ("training.batchsize", "batch_size"),
        ("training.augment.flip_horisontal", "flip_horizontal"),
        ("data.cards", "card"),
        ("image.size", "size_px"),
        ("model.drop_out", "dropout"),
        ("protocols.corrected.champion", "champion_on"),
        ("protocols.corrected.split.fold", "folds"),
        ("protocols.corrected.balance.perclass", "per_class"),
        ("readings.two_stage.stage", "stages"),
        ("readings.two_stage.stages.0.epoch", "epochs"),
        ("ensembles.scheme", "schemes"),
        ("runtime.thread", "threads"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_at_every_depth(path: str, near: str) -> None:
    with pytest.raises(SpecError) as caught:
        wen(settings=((path, 1),))
    first = path.split(".")[0] if near == "training" else path
    assert f"wen.yaml: {first}: this setting is not known. Did you mean '{near}'?" in str(caught.value)

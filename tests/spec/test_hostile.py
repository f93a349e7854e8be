"""Study files of someone else: what they may not hold is refused in one sentence, at once."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import annotated_types
import pytest
from pydantic import BaseModel

from leukolab.base.errors import SpecError
from leukolab.spec import StudySpec, load_study
from leukolab.spec.models import Settings
from leukolab.spec.read import parse_study, raw_study
from leukolab.spec.yaml_text import from_yaml, read_yaml


def changed(**settings: Any) -> dict[str, Any]:
    return raw_study("demo")[1] | settings


@pytest.mark.parametrize(
    "name", ["../../../x", "/etc/x", "x$(touch OWNED)", "a b", "", "-rf", "a" * 41, "..", "x\\y", "CON", "lpt1", "x\n"]
)
def test_a_name_that_is_no_plain_name_of_a_folder_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match=r"demo: name: expected a name of 1 to 40 letters"):
        parse_study(changed(name=name), "demo")
    for group in ("protocols", "readings"):
        inside = {name: next(iter(changed()[group].values()))}
        with pytest.raises(SpecError):
            parse_study(changed(**{group: inside}), "demo")


@pytest.mark.parametrize(
    "changes", [{"title": "a\x1b]0;owned\x07"}, {"data": {"card": "phantom", "view": "\x9b2J"}}, {"\x1b[2J": 1}]
)
def test_control_characters_in_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="control characters") as caught:
        parse_study(changed(**changes), "demo")
    assert str(caught.value).isprintable()


def numbers(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[type, tuple[Any, ...]]]:
    """Every whole number and float in an annotation, with what bounds it."""
    if get_origin(annotation) is not None and hasattr(annotation, "__metadata__"):
        yield from numbers(annotation.__origin__, (*metadata, *annotation.__metadata__))
    elif annotation in (int, float):
        yield annotation, metadata
    elif get_origin(annotation) in (types.UnionType, None) or str(get_origin(annotation)) == "typing.Union":
        for inside in get_args(annotation):
            yield from numbers(inside, metadata)
    else:
        for inside in get_args(annotation):
            yield from numbers(inside)


def flat(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for one in metadata:
        yield from getattr(one, "metadata", [one])


def models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in base.__subclasses__():
        yield one
        yield from models(one)


def test_every_number_of_a_setting_has_both_bounds() -> None:
    found, open_ones = 0, []
    for model in set(models(Settings)):
        for name, field in model.model_fields.items():
            for _, metadata in numbers(field.annotation, tuple(field.metadata)):
                found += 1
                kinds = [type(one) for one in flat(metadata)]
                upper = {annotated_types.Le, annotated_types.Lt} & set(kinds)
                lower = {annotated_types.Ge, annotated_types.Gt} & set(kinds)
                if not (upper and lower):
                    open_ones.append(f"{model.__name__}.{name}")
    assert open_ones == []
    assert found > 25


@pytest.mark.parametrize(
    "setting",
    [
        "runtime.threads=100000", "runtime.trunk_batch_size=100000", "runtime.evaluation_batch_size=100000000",
        "training.batch_size=1000000000", "image.crop_px=999999999", "bootstrap=1000000000", "seed=1e400",
        "training.augment.views=1000000", "outer_parts=[100000000]", "readings.two_stage.stages.0.patience=10000000000",
    ],
)  # fmt: skip
def test_settings_past_every_machine_are_refused(setting: str) -> None:
    with pytest.raises(SpecError, match=r"less than|valid integer|finite"):
        load_study("demo", [setting])


def test_a_huge_whole_number_is_refused_in_one_sentence() -> None:
    for value in ("9" * 5000, f"0x{'f' * 5000}"):
        with pytest.raises(SpecError) as caught:
            load_study("demo", [f"seed={value}"])
        assert len(str(caught.value)) < 300


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))


@pytest.mark.parametrize(
    "text", [BOMB, CHAIN, "&a [*a]", "[" * 5000, "{a: " * 3000, "x: 2001-99-99", "x: !!python/object:os.system {}"],
    ids=["bomb", "chain", "itself", "deep list", "deep mapping", "no date", "object"],
)  # fmt: skip
def test_yaml_that_grows_or_is_too_deep_is_refused_at_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="expected YAML"):
        load_study(file)


def test_references_in_yaml_are_read() -> None:
    assert from_yaml("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}") == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices as POSIX has them")
def test_a_pipe_or_device_as_study_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "large.yaml").write_text("#" * 300_000, encoding="utf-8")
    for name in ("pipe", "zero", "folder", "large"):
        with pytest.raises(SpecError, match="cannot be read"):
            read_yaml(tmp_path / f"{name}.yaml")


def test_the_shipped_studies_and_their_names_are_allowed() -> None:
    assert isinstance(load_study("wen"), StudySpec)

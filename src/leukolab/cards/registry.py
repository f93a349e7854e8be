"""Data cards by name, the root of a data set found by its content, and the checked index."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import cast

import pandas as pd

from leukolab.base.errors import DataError, SpecError, nearest
from leukolab.cards import datasets
from leukolab.cards.card import Card, DataSet
from leukolab.cards.listing import has_file, has_image
from leukolab.spec import DataSpec


def card_names() -> list[str]:
    """Names of all data cards, sorted: the files in `datasets/`."""
    return sorted(module.name for module in pkgutil.iter_modules(datasets.__path__))


def get_card(name: str) -> Card:
    """The card of that name.

    Raises:
        DataError: there is none; the nearest name is offered.
    """
    return data_set(name).CARD


@cache
def data_set(name: str) -> DataSet:
    """The module of that name in `datasets/`.

    Raises:
        DataError: there is none; the nearest name is offered.
    """
    if name not in card_names():
        raise DataError(f"card '{name}': expected the name of a data card. {nearest(name, card_names())}")
    return cast(DataSet, importlib.import_module(f"{datasets.__name__}.{name}"))


def locate(name: str, path: Path) -> Path:
    """The root of the data set: `path`, up to three levels below, or up to two above, by content.

    Returns:
        A folder; for card `folder` perhaps a CSV file.

    Raises:
        DataError: the path is missing or empty, or holds something else; where another card knows it, it is named.
    """
    card = get_card(name)
    if not path.exists():
        raise DataError(f"{path}: expected the images of '{name}' here, found no such folder. Check the path.")
    root = data_set(name).find_root(path.absolute())
    if root is not None:
        return root
    if path.is_dir() and not has_file(path):
        raise DataError(f"{path}: expected the images of '{name}' here, found an empty folder. Check the path.")
    others = [other for other in card_names() if other not in (name, "folder")]
    for other in others:
        if data_set(other).find_root(path.absolute()) is not None:
            raise DataError(_other_card(name, path, other))
    raise DataError(_not_there(card, path))


def read_index(spec: DataSpec, path: Path) -> pd.DataFrame:
    """Find the data set of `spec` at `path` and read its index, see `index.make_index`.

    Raises:
        DataError: see `locate`; an unknown part or view; duplicate names; a class without images.
        SpecError: `subject_from` is no pattern, or is given for a card that knows its subjects.
    """
    card = get_card(spec.card)
    _check_names(card, "part", spec.parts or (), card.parts)
    _check_names(card, "view", (spec.view,) if spec.view else (), tuple(card.views))
    if spec.subject_from is not None and card.name != "folder":
        raise SpecError(f"--subject-from: goes with card 'folder' only, got card '{card.name}'. Leave it out.")
    root = locate(card.name, path)
    index = data_set(card.name).read_index(root, spec.parts, spec.view, spec.subject_from)
    _check_classes(card, spec.view, index, root)
    return index


def class_names(index: pd.DataFrame) -> tuple[str, ...]:
    """Names of the classes in the order of their labels; hidden ones left out."""
    named = index.loc[index["label"] >= 0, ["label", "class_name"]].drop_duplicates().sort_values("label")
    return tuple(str(name) for name in named["class_name"])


def _check_names(card: Card, what: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            hint = nearest(name, known) if known else f"It has no {what}s."
            raise DataError(f"card '{card.name}': expected a {what} that it has, got '{name}'. {hint}")


def _check_classes(card: Card, view: str | None, index: pd.DataFrame, root: Path) -> None:
    found = class_names(index)
    if len(index) and (index["label"] < 0).all():
        return
    expected = card.views[view].class_names if view else card.class_names
    missing = [name for name in expected if name not in found]
    if missing:
        raise DataError(
            f"{root}: expected images of the classes {', '.join(expected)}, found none of '{missing[0]}'. "
            "Check that its folder is there and holds images."
        )
    if len(found) < 2:
        shown = f"one ('{found[0]}')" if found else "none"
        raise DataError(
            f"{root}: expected images of at least two classes, found {shown}. Add the folder of another class."
        )


def _other_card(name: str, path: Path, other: str) -> str:
    card = get_card(other)
    views = "".join(f", and --set data.view={view} for {card.views[view].title.lower()}" for view in card.views)
    return (
        f"{path}: expected the images of '{name}', found another data set. "
        f"This looks like {other} ({card.title}): add --card {other}{views}."
    )


def _not_there(card: Card, path: Path) -> str:
    what = "other images" if has_image(path) else "no images"
    remedy = (
        "Use --card folder for images of your own." if card.name != "folder" else "Put each class into its own folder."
    )
    return f"{path}: expected {card.layout}; found {what}. {remedy}"

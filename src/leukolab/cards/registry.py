"""Data sets by the name of their card: the root found by content, the checked index, and the proof."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import pandas as pd

from leukolab.base.errors import DataError, SpecError, nearest
from leukolab.base.findings import Finding
from leukolab.cards import datasets
from leukolab.cards.card import Card
from leukolab.cards.classes import Classes, classes_of
from leukolab.cards.contract import DataSet
from leukolab.cards.listing import NotListed, has_file, has_image, not_listed
from leukolab.cards.persons import with_persons
from leukolab.cards.reading import CLOSED, ODD, Reading, left_out
from leukolab.cards.summary import summary
from leukolab.cards.verdict import VerifyResult
from leukolab.spec import DataSpec, StudySpec


def card_names() -> list[str]:
    """Names of all data cards, sorted: the files and folders in `datasets/`."""
    return sorted(module.name for module in pkgutil.iter_modules(datasets.__path__))


def get_card(name: str) -> Card:
    """The card of that name.

    Raises:
        DataError: no card has this name; the nearest name is offered.
    """
    return data_set(name).CARD


@cache
def data_set(name: str) -> DataSet:
    """The module of that name in `datasets/`.

    Raises:
        DataError: no card has this name; the nearest name is offered.
    """
    if name not in card_names():
        raise DataError(f"card '{name}': expected the name of a data card. {nearest(name, card_names())}")
    return cast(DataSet, importlib.import_module(f"{datasets.__name__}.{name}"))


def locate(name: str, path: str | Path) -> Path:
    """The root of the data set: `path`, up to three levels below, or up to two above, by content.

    Returns:
        A folder; a CSV file where the card reads one.

    Raises:
        DataError: the path is missing or empty, or holds other images; a card that knows these is named.
    """
    card, path = get_card(name), Path(path)
    if not os.path.exists(path):  # noqa: PTH110 (that of pathlib raises where one may not look)
        raise DataError(f"{path}: expected the images of '{name}' here, found no such folder. Check the path.")
    root = data_set(name).find_root(path.absolute())
    if root is not None:
        return root
    closed = not_listed(path).closed
    if closed:
        raise DataError(f"{path}: expected the images of '{name}' here, found none. {_closed_sentence(closed)}")
    if path.is_dir() and not has_file(path):
        raise DataError(f"{path}: expected the images of '{name}' here, found an empty folder. Check the path.")
    other = _recognised(name, path.absolute())
    if other is not None:
        raise DataError(_another(name, path, other), settings=("data.card", "data.view"))
    raise DataError(_not_there(card, path), settings=("data.card",))


def read_index(spec: DataSpec, path: str | Path) -> pd.DataFrame:
    """The index of `read_images`."""
    return read_images(spec, path).index


def read_images(spec: DataSpec, path: str | Path) -> Reading:
    """Find the data set of `spec` at `path` and read its index; pixels are not opened.

    Returns:
        What was left out and why, and the index: one row per image, sorted by image_id, with the columns of
        `index.make_index`: image_id (path from the root), path, label (int64, -1 where hidden), class_name,
        class_name_full, subject, field, part, official_fold (Int64), order (int64). Labels are in the order of
        `classes_of`: the classes of the disease come last.

    Raises:
        DataError: see `locate`; an unknown part or view; an image twice; a class without images.
        SpecError: a setting is no pattern, or goes with other cards only; `data.positive` is no class.
    """
    card = get_card(spec.card)
    if not card.generic:
        _check_names(card, "part", spec.parts or (), card.parts)
    _check_names(card, "view", (spec.view,) if spec.view else (), tuple(card.views))
    _check_generic(card, spec)
    root = locate(card.name, path)
    unseen = not_listed(_top(root, path))
    try:
        reading = _read_any(root, spec) if card.generic else data_set(card.name).read(root, spec)
        _check_classes(card, spec.view, reading.index, root)
        index = _in_order(reading.index, classes_of(class_names(reading.index), spec, card))
    except DataError as error:
        if not unseen.closed:
            raise
        raise DataError(f"{error} {_closed_sentence(unseen.closed)}", settings=error.settings) from error
    return Reading(index, reading.findings + _unseen(unseen, _top(root, path)))


def told(spec: DataSpec, path: str | Path) -> tuple[Finding, ...]:
    """What `read_images` reads, line by line: classes, which of them are the disease, subjects, parts, files left out.

    Raises:
        LeukolabError: see `read_images`.
    """
    reading = read_images(spec, path)
    classes = classes_of(class_names(reading.index), spec, get_card(spec.card))
    return (*summary(reading.index, classes), *reading.findings)


def verify(spec: DataSpec, path: str | Path) -> VerifyResult:
    """Compare the data set at `path`, found from there as `locate` does, with what is known of it; changes nothing.

    Raises:
        DataError: the data set is not there, or cannot be listed at all.
    """
    root = locate(spec.card, path)
    reading = read_images(spec, path) if get_card(spec.card).generic else None
    result = data_set(spec.card).verify(root, spec)
    unseen = not_listed(_top(root, path))
    findings = _unseen(unseen, _top(root, path)) if reading is None else reading.findings
    closed = (f"{place}: expected a folder that may be read, found no permission." for place in unseen.closed)
    odd = (f"{str(place)!a}: expected a name in UTF-8, found other bytes. Rename it." for place in unseen.odd)
    return replace(result, findings=findings + result.findings, unreadable=(*result.unreadable, *closed, *odd))


def _top(root: Path, path: str | Path) -> Path:
    """The folder given, or that of the root where it lies above or is another."""
    given, folder = Path(path).absolute(), root if root.is_dir() else root.parent
    return given if given.is_dir() and folder.is_relative_to(given) else folder


def _unseen(unseen: NotListed, top: Path) -> tuple[Finding, ...]:
    """Findings of folders that may not be read and of names that are no text."""
    closed = left_out(CLOSED, (str(place.relative_to(top)) for place in unseen.closed), "warning")
    return closed + left_out(ODD, (str(place.relative_to(top)) for place in unseen.odd), "warning")


def _closed_sentence(closed: Sequence[Path]) -> str:
    """What to do about folders that may not be read."""
    number = f"{len(closed):,} folder{'s' if len(closed) > 1 else ''}"
    return f"No permission to read {number}, such as '{closed[0].name}': change it, or leave the folder out."


def data_on(card: str, spec: StudySpec) -> DataSpec:
    """Data settings of a study on `card`: its own ones where that is its card; else all parts of the other.

    A study with a two-class head gets the card's two-class view where the card has more classes.

    Raises:
        DataError: no card has this name; the nearest name is offered.
    """
    if card == spec.data.card:
        return spec.data
    view = get_card(card).binary_view if spec.model.head == "sigmoid" else None
    return DataSpec(card=card, view=view)


def class_names(index: pd.DataFrame) -> tuple[str, ...]:
    """Names of the classes in the order of their labels; hidden ones left out.

    Args:
        index: as `read_index` gives it; columns label and class_name are read.
    """
    named = index.loc[index["label"] >= 0, ["label", "class_name"]].drop_duplicates().sort_values("label")
    return tuple(str(name) for name in named["class_name"])


def _in_order(index: pd.DataFrame, classes: Classes) -> pd.DataFrame:
    labels = {name: label for label, name in enumerate(classes.names)}
    return index.assign(label=index["class_name"].map(labels).fillna(-1).astype("int64"))


def _read_any(root: Path, spec: DataSpec) -> Reading:
    """Images of one's own, with what the cards of other data sets know of them.

    Raises:
        DataError: they cannot be read so; where they are another data set, its card is named.
    """
    try:
        reading = data_set(spec.card).read(root, spec)
    except DataError as error:
        other = _recognised(spec.card, root)
        if other is None:
            raise
        raise DataError(_another(spec.card, root, other), settings=("data.card", "data.view")) from error
    return with_persons(reading, [get_card(name) for name in card_names()])


def _recognised(name: str, path: Path) -> Card | None:
    """The card of another data set that lies at `path`."""
    others = (card for card in map(get_card, card_names()) if not card.generic and card.name != name)
    return next((card for card in others if data_set(card.name).find_root(path) is not None), None)


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


def _check_generic(card: Card, spec: DataSpec) -> None:
    """Settings that say how to read any images go with the cards that read any."""
    for name in () if card.generic else ("subject_from", "part_from", "include", "exclude", "columns"):
        if getattr(spec, name):
            takers = " or ".join(f"'{other}'" for other in card_names() if get_card(other).generic)
            raise SpecError(
                f"data.{name}: expected a card that reads images of your own ({takers}), got card '{card.name}', "
                "which knows its own files. Leave the setting out.",
                settings=(f"data.{name}",),
            )


def _another(name: str, path: Path, other: Card) -> str:
    views = "".join(f", and data.view={one} for {view.title.lower()}" for one, view in other.views.items())
    return (
        f"{path}: expected the images of '{name}', found another data set. "
        f"This looks like {other.name} ({other.title}): set data.card={other.name}{views}."
    )


def _not_there(card: Card, path: Path) -> str:
    what = "other images" if has_image(path) else "no images"
    return f"{path}: expected {card.layout}; found {what}. {_remedy(card)}"


def _remedy(card: Card) -> str:
    """What to do where a card does not recognise the images."""
    if card.generic:
        return "Put each class into its own folder."
    generic = [name for name in card_names() if get_card(name).generic]
    return " ".join(f"For images of your own set data.card={name}." for name in generic)

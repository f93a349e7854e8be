"""What a data card says, and what a file in `datasets/` offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

HIDDEN = "hidden"
"""Class name of images whose label was never published; their label is -1."""


HEALTHY = frozenset({"hem", "benign", "normal", "healthy", "negative", "control"})
"""Names of classes that are no blasts, in lower case: class 0 of a folder that has one, never a missed blast."""


@dataclass(frozen=True)
class View:
    """Other classes over the same images."""

    title: str
    class_names: tuple[str, ...]
    """In the order of their labels, from 0."""
    labels: Mapping[str, int]
    """Original class name to label of the view."""


@dataclass(frozen=True)
class Card:
    """Where a data set comes from, what it holds, and what is known of it."""

    name: str
    title: str
    source: str
    doi: str
    licence: str
    class_names: tuple[str, ...]
    """In the order of their labels, from 0; empty where the data decide."""
    parts: tuple[str, ...]
    subjects_known: bool
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Part to class to number of images, as published."""
    views: Mapping[str, View] = field(default_factory=dict)
    layout: str = ""
    """How the files lie, in one sentence."""
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    same_person: tuple[tuple[str, ...], ...] = ()
    """Subjects known to be one person, also where the images that show it are not at hand."""

    @property
    def images(self) -> int:
        """Images of all parts, as published; 0 where the data decide."""
        return sum(sum(classes.values()) for classes in self.counts.values())


def card_lines(card: Card) -> list[str]:
    """The card in sentences for a person at a terminal."""
    counts = [
        f"{part}: {sum(classes.values()):,} images ({', '.join(f'{name} {n:,}' for name, n in classes.items())})"
        for part, classes in card.counts.items()
    ]
    views = [f"view {name}: {view.title} ({', '.join(view.class_names)})" for name, view in card.views.items()]
    return [
        f"{card.name}: {card.title}",
        *(["synthetic: no image shows a person's cells"] if card.synthetic else []),
        f"source: {card.source}{f', doi {card.doi}' if card.doi else ''}",
        f"licence: {card.licence}",
        f"classes: {', '.join(card.class_names) or 'as the data have them'}",
        f"parts: {', '.join(card.parts)}",
        f"subjects: {'known' if card.subjects_known else 'unknown'}",
        f"layout: {card.layout}",
        *counts,
        *views,
        *card.notes,
    ]


class DataSet(Protocol):
    """A module in `datasets/`; it may also offer `verify(root) -> VerifyResult`."""

    CARD: Card

    def find_root(self, path: Path) -> Path | None:
        """The root of the data set at, under or over `path`, by content; None where it is not there."""

    def read_index(
        self, root: Path, parts: tuple[str, ...] | None = None, view: str | None = None, subject_from: str | None = None
    ) -> pd.DataFrame:
        """The index, see `index.make_index`. Pixels are not opened."""

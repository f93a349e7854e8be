"""What a data card says: where a data set comes from, what it holds, and how the program may treat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HIDDEN = "hidden"
"""Class name of images whose label was never published; their label is -1."""


@dataclass(frozen=True)
class View:
    """Other classes over the same images."""

    title: str
    class_names: tuple[str, ...]
    """In the order of their labels, from 0."""
    labels: Mapping[str, int]
    """Original class name to label of the view."""
    positive: tuple[str, ...] = ()
    """The classes of the disease; of a view with two classes one of them."""


@dataclass(frozen=True)
class PublishedScore:
    """What a published work reached on subjects it had not trained on."""

    work: str
    part: str
    """Part of the data set that was scored."""
    scores: Mapping[str, str]
    """Each metric by its code, and its value with the digits that were published."""


@dataclass(frozen=True)
class OfficialFiles:
    """How the files of a data set are known wherever they lie."""

    name: str
    """A regular expression of their names without ending; its first group is the subject."""
    suffix: str
    """Ending of the official files, in small letters."""
    bytes: frozenset[int]
    """Their lengths: other files are not read to be recognised."""
    names: Callable[[], Mapping[str, str]]
    """SHA-256 of each file to its official name without ending; read where a length fits only."""


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
    """Whether the data set names the subject of every labelled image."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Part to class to number of images, as published."""
    views: Mapping[str, View] = field(default_factory=dict)
    layout: str = ""
    """How the files lie, in one sentence."""
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    positive: tuple[str, ...] = ()
    """The classes of the disease, those that some of its layouts lack among them; empty where the data decide."""
    same_person: tuple[tuple[str, ...], ...] = ()
    """Subjects known to be one person, also where the images that show it are not at hand."""
    official: OfficialFiles | None = None
    """How its files are known among images of one's own; None where nothing tells them."""
    binary_view: str | None = None
    """View that a two-class study uses where the data set has more classes; None where there is none to prefer."""
    generic: bool = False
    """Whether any images fit: such a card is offered for images of one's own, takes settings that say how to read
    them, and recognises no data set."""
    published_scores: tuple[PublishedScore, ...] = ()
    """Shown beside a run on this data set, never mixed in."""

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
    views = [
        f"view {name}: {view.title} ({', '.join(view.class_names)}; disease: {', '.join(view.positive)})"
        for name, view in card.views.items()
    ]
    return [
        f"{card.name}: {card.title}",
        *(["synthetic: no image shows a person's cells"] if card.synthetic else []),
        f"source: {card.source}{f', doi {card.doi}' if card.doi else ''}",
        f"licence: {card.licence}",
        f"classes: {', '.join(card.class_names) or 'as the data have them'}",
        f"classes of the disease: {', '.join(card.positive) or 'as the data have them'}",
        f"parts: {', '.join(card.parts)}",
        f"subjects: {'known' if card.subjects_known else 'unknown'}",
        f"layout: {card.layout}",
        *counts,
        *views,
        *card.notes,
    ]

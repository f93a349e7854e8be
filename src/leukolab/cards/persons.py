"""Who is on images of one's own: spellings of subjects, cells that a card knows, and images without a name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from leukolab.base.findings import Finding
from leukolab.base.keys import file_digest
from leukolab.cards.card import Card
from leukolab.cards.reading import Reading, left_out
from leukolab.cards.subjects import merges, one_spelling

MOST_BLANK = 0.5
"""Where a class would lose this share of its images or more, those without a subject stay."""


def with_persons(reading: Reading, cards: Sequence[Card]) -> Reading:
    """The reading with subjects settled, in this order.

    Subjects that differ in their spelling alone become one. Cells that a card knows by their official name or digest
    get the subject of that card, its persons merged. Images without a subject are left out where others have one;
    where that would take half of a class, they stay, and subjects are unknown.
    """
    index, findings = _spelled(reading.index)
    for card in cards:
        index, found = _official(index, card)
        findings += found
    index, found = _without_blank(index)
    return Reading(index, reading.findings + findings + found)


def _spelled(index: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    spelled = one_spelling(index["subject"].dropna())
    found = left_out("read.subjects_merged", merges(spelled), "warning")
    return index.assign(subject=index["subject"].replace(spelled)), found


def _official(index: pd.DataFrame, card: Card) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """With the subjects of cells that `card` knows, as `<card>:<subjects of the person>`."""
    if card.official is None:
        return index, ()
    persons = {name: "+".join(person) for person in card.same_person for name in person}
    known = {
        row: subject
        for row, path in zip(index.index, index["path"], strict=True)
        if (subject := official_subject(Path(path), card)) is not None
    }
    named = pd.Series({row: f"{card.name}:{persons.get(name, name)}" for row, name in known.items()}, dtype=object)
    subjects = index["subject"].copy()
    subjects.loc[named.index] = named
    images = index.loc[list(known), "image_id"]
    return index.assign(subject=subjects), left_out("read.official_cells", images, "warning", card=card.name)


def official_subject(path: Path, card: Card) -> str | None:
    """The subject of a file that `card` knows by its name, or by its bytes where these have an official length."""
    official = card.official
    if official is None:
        return None
    match = re.match(official.name, path.stem)
    if match is None and path.suffix.lower() == official.suffix and path.stat().st_size in official.bytes:
        match = re.match(official.name, official.names().get(file_digest(path), ""))
    return match[1] if match else None


def _without_blank(index: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    blank = index["subject"].isna()
    if not blank.any() or blank.all():
        return index, ()
    names = index.loc[blank, "image_id"]
    shares: Mapping[object, float] = blank.groupby(index["class_name"]).mean().to_dict()
    if max(shares.values()) >= MOST_BLANK:
        return index, left_out("read.subjects_mostly_blank", names, "warning", total=len(index))
    return index[~blank].reset_index(drop=True), left_out("read.subject_blank", names, "warning")

"""Data cards: provenance, readers by content, the checked index, and what `verify` finds."""

from leukolab.cards.card import HIDDEN, Card, PublishedScore, View, card_lines
from leukolab.cards.classes import Classes, classes_of
from leukolab.cards.contract import DataSet
from leukolab.cards.reading import Reading
from leukolab.cards.registry import (
    card_names,
    class_names,
    data_on,
    get_card,
    locate,
    read_images,
    read_index,
    told,
    verify,
)
from leukolab.cards.summary import summary
from leukolab.cards.verdict import Count, VerifyResult, verify_lines

__all__ = [
    "HIDDEN",
    "Card",
    "Classes",
    "Count",
    "DataSet",
    "PublishedScore",
    "Reading",
    "VerifyResult",
    "View",
    "card_lines",
    "card_names",
    "class_names",
    "classes_of",
    "data_on",
    "get_card",
    "locate",
    "read_images",
    "read_index",
    "summary",
    "told",
    "verify",
    "verify_lines",
]

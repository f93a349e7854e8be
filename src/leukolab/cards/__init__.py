"""Data cards: provenance, readers by content, the checked index, and what `verify` finds."""

from leukolab.cards.card import HIDDEN, Card, PublishedScore, View, card_lines
from leukolab.cards.contract import DataSet
from leukolab.cards.registry import card_names, class_names, data_on, get_card, locate, read_index, verify
from leukolab.cards.verdict import Count, VerifyResult, verify_lines

__all__ = [
    "HIDDEN",
    "Card",
    "Count",
    "DataSet",
    "PublishedScore",
    "VerifyResult",
    "View",
    "card_lines",
    "card_names",
    "class_names",
    "data_on",
    "get_card",
    "locate",
    "read_index",
    "verify",
    "verify_lines",
]

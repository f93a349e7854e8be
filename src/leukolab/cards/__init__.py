"""Data cards: provenance, readers by content, the checked index, and what `verify` finds."""

from leukolab.cards.card import HIDDEN, Card, DataSet, View, card_lines
from leukolab.cards.registry import card_names, class_names, get_card, locate, read_index
from leukolab.cards.verdict import Count, VerifyResult, verify_lines
from leukolab.cards.verify import verify

__all__ = [
    "HIDDEN",
    "Card",
    "Count",
    "DataSet",
    "VerifyResult",
    "View",
    "card_lines",
    "card_names",
    "class_names",
    "get_card",
    "locate",
    "read_index",
    "verify",
    "verify_lines",
]

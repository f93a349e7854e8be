"""Images of one's own: a tree of class folders, or a table with a path and a label for each image."""

from leukolab.cards.datasets.folder.card import CARD
from leukolab.cards.datasets.folder.reader import find_root, read, verify

__all__ = ["CARD", "find_root", "read", "verify"]

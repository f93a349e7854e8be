"""C-NMC 2019: its card, its reader, and its proof against the official list of files."""

from leukolab.cards.datasets.cnmc2019.card import CARD
from leukolab.cards.datasets.cnmc2019.proof import verify
from leukolab.cards.datasets.cnmc2019.reader import find_root, read_index

__all__ = ["CARD", "find_root", "read_index", "verify"]

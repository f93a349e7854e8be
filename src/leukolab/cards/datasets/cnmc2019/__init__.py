"""C-NMC 2019: its card, its reader, and its proof against the official list of files."""

from leukolab.cards.datasets.cnmc2019.card import CARD
from leukolab.cards.datasets.cnmc2019.layout import find_root
from leukolab.cards.datasets.cnmc2019.proof import verify
from leukolab.cards.datasets.cnmc2019.reader import read

__all__ = ["CARD", "find_root", "read", "verify"]

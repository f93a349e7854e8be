"""Identity groups, split makers, balancing: who may stand on which side. Tables in, tables out."""

from leukolab.splits.balance import class_weights
from leukolab.splits.groups import groups_fingerprint, identity_groups, index_fingerprint, subjects_known
from leukolab.splits.leakage import few_test_note, is_few_test_note
from leukolab.splits.makers import make_split
from leukolab.splits.table import ROLES, Split, SplitHead, read_split, write_split

__all__ = [
    "ROLES",
    "Split",
    "SplitHead",
    "class_weights",
    "few_test_note",
    "groups_fingerprint",
    "identity_groups",
    "index_fingerprint",
    "is_few_test_note",
    "make_split",
    "read_split",
    "subjects_known",
    "write_split",
]

"""Identity groups, split makers, balancing: who may stand on which side. Tables in, tables out."""

from leukolab.splits.balance import class_weights
from leukolab.splits.groups import groups_fingerprint, identity_groups, index_fingerprint, subjects_known
from leukolab.splits.leakage import FEW_TEST_GROUPS, few_test_groups_together
from leukolab.splits.makers import make_split
from leukolab.splits.table import ROLES, Split, SplitHead, read_split, write_split

__all__ = [
    "FEW_TEST_GROUPS",
    "ROLES",
    "Split",
    "SplitHead",
    "class_weights",
    "few_test_groups_together",
    "groups_fingerprint",
    "identity_groups",
    "index_fingerprint",
    "make_split",
    "read_split",
    "subjects_known",
    "write_split",
]

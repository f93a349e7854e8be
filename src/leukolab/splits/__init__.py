"""Identity groups, split makers, balancing: who may stand on which side. Tables in, tables out."""

from leukolab.splits.balance import class_weights
from leukolab.splits.groups import (
    APART,
    DIFFERENT,
    DOUBTFUL,
    EQUAL_KINDS,
    NEAR_KINDS,
    TWO_CLASSES,
    groups_fingerprint,
    identity_groups,
    index_fingerprint,
    subjects_known,
)
from leukolab.splits.leakage import FEW_TEST_GROUPS, few_test_groups_together
from leukolab.splits.makers import make_split
from leukolab.splits.table import EQUAL_PIXELS, ROLES, Split, SplitHead, read_split, write_split

__all__ = [
    "APART",
    "DIFFERENT",
    "DOUBTFUL",
    "EQUAL_KINDS",
    "EQUAL_PIXELS",
    "FEW_TEST_GROUPS",
    "NEAR_KINDS",
    "ROLES",
    "TWO_CLASSES",
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

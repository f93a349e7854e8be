"""Audit: looks at data and results, returns findings, changes nothing."""

from leukolab.audit.issues import issues
from leukolab.audit.looks import LOOKS_VERSION, Looks, look_at
from leukolab.audit.shortcuts import shortcut_features, shortcut_probe
from leukolab.audit.twins import KINDS, Twins, find_twins

__all__ = [
    "KINDS",
    "LOOKS_VERSION",
    "Looks",
    "Twins",
    "find_twins",
    "issues",
    "look_at",
    "shortcut_features",
    "shortcut_probe",
]

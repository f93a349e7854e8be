"""Audit: looks at data and results, returns findings, changes nothing."""

from leukolab.audit.shortcuts import shortcut_features, shortcut_probe

__all__ = ["shortcut_features", "shortcut_probe"]

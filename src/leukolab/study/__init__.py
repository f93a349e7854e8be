"""Runs a study from its settings to its report."""

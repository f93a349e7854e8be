"""Figures, one file per kind; each returns a matplotlib figure."""

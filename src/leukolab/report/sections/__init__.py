"""Sections of the page, and which study shows which."""

"""Leukolab: classify leukaemia cells in microscope images, and find out honestly how well that works.

Research use only.
"""

__version__ = "0.1.0"

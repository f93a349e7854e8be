"""Leukolab: classify leukaemia cells in microscope images, and find out honestly how well that works.

Research use only.
"""

import logging

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

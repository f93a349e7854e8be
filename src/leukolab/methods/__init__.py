"""Methods: declarative files, and what learns from features; no torch."""

from leukolab.methods.designs import load_method
from leukolab.methods.learn import Fold, Images, Learned, learn, most_often

__all__ = ["Fold", "Images", "Learned", "learn", "load_method", "most_often"]

"""Methods: declarative files, and fitting of what learns from features; no torch."""

from leukolab.methods.calibrate import Scale, fit_scale
from leukolab.methods.designs import load_method, method_names
from leukolab.methods.fit import Examples, fit, sample_weights, scores

__all__ = ["Examples", "Scale", "fit", "fit_scale", "load_method", "method_names", "sample_weights", "scores"]

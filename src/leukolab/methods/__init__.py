"""Methods: declarative files, and fitting of what learns from features; no torch."""

from leukolab.methods.calibrate import Scale, fit_scale
from leukolab.methods.designs import load_method, method_names
from leukolab.methods.fit import Examples, Fitted, fit, sample_weights

__all__ = ["Examples", "Fitted", "Scale", "fit", "fit_scale", "load_method", "method_names", "sample_weights"]

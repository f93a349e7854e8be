"""Numbers of one cell that a haematologist could name: size, outline, colour, texture, focus, nucleus."""

from leukolab.images.handcrafted.measure import FAMILIES, HANDCRAFTED_VERSION, Feature, features, measure

__all__ = ["FAMILIES", "HANDCRAFTED_VERSION", "Feature", "features", "measure"]

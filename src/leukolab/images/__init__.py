"""Images: decode any layout, geometry, packed pixels, cell masks, colour and size statistics."""

from leukolab.images.colour import CELL_NAMES, COLOUR_NAMES, cell_statistics, colour_statistics
from leukolab.images.decode import MAX_PIXELS, decode, image_size, pixel_digest
from leukolab.images.formats import IMAGE_SUFFIXES
from leukolab.images.geometry import fit, thinned
from leukolab.images.masks import black_background, cell_mask
from leukolab.images.oddities import PixelRange, pixel_findings, pixel_range
from leukolab.images.parallel import map_files
from leukolab.images.pixels import PixelStore, open_store, pack

__all__ = [
    "CELL_NAMES",
    "COLOUR_NAMES",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "PixelRange",
    "PixelStore",
    "black_background",
    "cell_mask",
    "cell_statistics",
    "colour_statistics",
    "decode",
    "fit",
    "image_size",
    "map_files",
    "open_store",
    "pack",
    "pixel_digest",
    "pixel_findings",
    "pixel_range",
    "thinned",
]

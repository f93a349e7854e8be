"""The square about a cell: its box in the middle, everything else black."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from leukolab.images.decode import Pixels
from leukolab.images.geometry import centre_crop
from leukolab.images.masks import cell_mask


def cell_square(image: Pixels, edge_px: int) -> Pixels:
    """A square about the middle of the cell's box, not resized, black outside the cell and where the image ends.

    Args:
        image: uint8 (h, w, 3); one in which no cell stands out is cut about its middle, as it is.
        edge_px: edge of the square; of a larger cell its rim is lost.

    Returns:
        uint8 (edge_px, edge_px, 3).
    """
    mask = cell_mask(image)
    boxes = ndimage.find_objects(mask.astype(np.uint8))
    if boxes:
        image = np.where(mask[boxes[0]][..., None], image[boxes[0]], np.uint8(0))
    return centre_crop(image, edge_px)

from __future__ import annotations

import numpy as np

from leukolab.images import fit
from leukolab.images.geometry import centre_crop


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(fit(image, 32, None), image)


def test_oblong_images_are_squeezed_to_the_square() -> None:
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    image[:, 20:] = 200
    square = fit(image, 20, None)
    assert square.shape == (20, 20, 3)
    assert square[0, 0, 0] == 0
    assert square[0, -1, 0] == 200


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    inner = fit(stripes, 16, None)[2:-2, 2:-2]
    assert np.all(np.abs(inner.astype(int) - 127) < 10)


def test_the_crop_is_centred() -> None:
    image = np.zeros((9, 9, 3), dtype=np.uint8)
    image[4, 4] = 255
    assert centre_crop(image, 3)[1, 1, 0] == 255
    assert centre_crop(image, 3).sum() == 3 * 255


def test_a_crop_larger_than_the_image_is_padded_with_black() -> None:
    crop = centre_crop(np.full((4, 6, 3), 9, dtype=np.uint8), 8)
    assert crop.shape == (8, 8, 3)
    assert np.array_equal(crop[2:6, 1:7], np.full((4, 6, 3), 9))
    assert crop.sum() == 4 * 6 * 3 * 9

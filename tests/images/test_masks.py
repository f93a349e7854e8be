from __future__ import annotations

import numpy as np
import pytest

from leukolab.images import black_background, cell_mask
from leukolab.images.masks import otsu

PURPLE, PINK, CREAM = (110, 60, 160), (220, 190, 195), (240, 238, 230)


def disc(size: int, centre: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def painted(
    size: int, background: tuple[int, int, int], *shapes: tuple[np.ndarray, tuple[int, int, int]]
) -> np.ndarray:
    image = np.full((size, size, 3), background, dtype=np.uint8)
    for where, colour in shapes:
        image[where] = colour
    return image


def test_on_black_the_largest_piece_is_the_cell() -> None:
    cell, crumb = disc(100, (40, 60), 20), disc(100, (90, 10), 4)
    image = painted(100, (0, 0, 0), (cell, PURPLE), (crumb, PURPLE))
    assert black_background(image)
    assert np.array_equal(cell_mask(image), cell)


def test_holes_belong_to_the_cell() -> None:
    cell, hole = disc(100, (50, 50), 20), disc(100, (50, 50), 5)
    assert np.array_equal(cell_mask(painted(100, (0, 0, 0), (cell, PURPLE), (hole, (0, 0, 0)))), cell)


def test_on_a_smear_the_purple_piece_near_the_middle_is_the_cell() -> None:
    cell, other, red = disc(120, (58, 62), 18), disc(120, (20, 100), 20), disc(120, (95, 60), 15)
    image = painted(120, CREAM, (red, PINK), (other, PURPLE), (cell, PURPLE))
    assert not black_background(image)
    found = cell_mask(image)
    assert (found & cell).sum() / (found | cell).sum() > 0.95


@pytest.mark.parametrize("colour", [(0, 0, 0), CREAM, (255, 255, 255)])
def test_an_image_with_nothing_in_it_has_an_empty_mask(colour: tuple[int, int, int]) -> None:
    assert not cell_mask(painted(40, colour)).any()


def test_otsu_parts_two_heaps() -> None:
    values = np.array([10] * 50 + [12] * 50 + [200] * 30 + [205] * 30, dtype=np.uint8)
    assert 12 <= otsu(values) < 200

from __future__ import annotations

import numpy as np
import pytest

from leukolab.images import CELL_NAMES, COLOUR_NAMES, cell_statistics, colour_statistics


def named(image: np.ndarray) -> dict[str, float]:
    return dict(zip(COLOUR_NAMES, colour_statistics(image), strict=True))


def named_cell(image: np.ndarray) -> dict[str, float]:
    return dict(zip(CELL_NAMES, cell_statistics(image), strict=True))


def ellipse(size: int, half_height: float, half_width: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size / 2
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[(rows / half_height) ** 2 + (columns / half_width) ** 2 <= 1] = (120, 60, 180)
    return image


def test_names_are_27_and_24_and_differ() -> None:
    assert len(set(COLOUR_NAMES)) == 27
    assert len(set(CELL_NAMES)) == 24


def test_colour_agrees_with_numpy() -> None:
    image = np.random.default_rng(0).integers(0, 256, (31, 17, 3), dtype=np.uint8)
    numbers = named(image)
    for channel, name in enumerate(("red", "green", "blue")):
        values = image[:, :, channel]
        assert numbers[f"{name}_mean"] == pytest.approx(values.mean())
        assert numbers[f"{name}_sd"] == pytest.approx(values.std())
        assert numbers[f"{name}_p50"] == pytest.approx(np.median(values), abs=1)
        assert numbers[f"{name}_p95"] == pytest.approx(np.percentile(values, 95), abs=1)


def test_saturation_and_value_of_a_plain_colour() -> None:
    numbers = named(np.full((8, 8, 3), (200, 100, 100), dtype=np.uint8))
    assert numbers["value_mean"] == 200
    assert numbers["saturation_mean"] == pytest.approx(127, abs=1)
    assert numbers["value_sd"] == 0


def test_a_round_cell() -> None:
    numbers = named_cell(ellipse(101, 30, 30))
    assert numbers["area_px"] == pytest.approx(np.pi * 900, rel=0.01)
    assert numbers["width_px"] == numbers["height_px"] == 60
    assert numbers["perimeter_px"] == pytest.approx(2 * np.pi * 30, rel=0.03)
    assert numbers["eccentricity"] < 0.1
    assert numbers["solidity"] > 0.95
    assert numbers["cell_blue_mean"] == 180
    assert numbers["cell_blue_sd"] == 0


def test_a_long_cell_and_a_dented_one() -> None:
    assert named_cell(ellipse(101, 15, 30))["eccentricity"] == pytest.approx(np.sqrt(0.75), abs=0.01)
    dented = ellipse(101, 30, 30)
    dented[:50, 45:56] = 0
    assert named_cell(dented)["solidity"] < 0.93


def test_size_follows_scale() -> None:
    small, large = (named_cell(ellipse(size, size * 0.3, size * 0.3))["area_px"] for size in (100, 200))
    assert large == pytest.approx(4 * small, rel=0.01)


def test_an_empty_image_has_no_cell() -> None:
    assert not cell_statistics(np.zeros((20, 20, 3), dtype=np.uint8)).any()


def test_one_pixel_and_one_line_are_cells_too() -> None:
    for cut in (np.s_[10:11, 10:11], np.s_[10:11, 5:15]):
        image = np.zeros((20, 20, 3), dtype=np.uint8)
        image[cut] = 200
        numbers = cell_statistics(image)
        assert np.isfinite(numbers).all()
        assert numbers[0] == np.count_nonzero(image[:, :, 0])

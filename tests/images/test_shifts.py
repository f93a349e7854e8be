"""Changed pixels: nothing at strength 0, black outside stays black, each change does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from leukolab.images import cell_mask
from leukolab.images.decode import Pixels
from leukolab.images.shifts import STRENGTHS, brightness, colour, diameter, focus, shifted, size, stain

DIAMETER = 120.0
ALL = [(kind, strength) for kind, strengths in STRENGTHS.items() for strength in strengths]


@pytest.fixture(params=[45.0, 70.0], ids=["small", "large"])
def cell(request: pytest.FixtureRequest) -> Pixels:
    """A textured ellipse on black; its half axes differ by a quarter."""
    rows, columns = np.mgrid[:300, :320]
    inside = ((rows - 140) / request.param) ** 2 + ((columns - 170) / (1.25 * request.param)) ** 2 < 1
    texture = np.random.default_rng(3).integers(-20, 20, (300, 320, 3))
    return np.where(inside[..., None], np.array([120, 60, 150]) + texture, 0).astype(np.uint8)


@pytest.mark.parametrize("kind", STRENGTHS)
def test_nothing_changes_at_strength_nought(kind: str, cell: Pixels) -> None:
    assert (shifted(cell, kind, 0.0, DIAMETER) == cell).all()


def test_the_functions_themselves_change_nothing_there(cell: Pixels) -> None:
    for change in (colour, stain, brightness):
        assert (change(cell, 0.0) == cell).all()
    assert (size(cell, 0.0, DIAMETER) == cell).all()
    assert (focus(cell, 1e-6) == cell).all()


@pytest.mark.parametrize(("kind", "strength"), ALL)
def test_every_change_leaves_black_black_and_repeats_itself(kind: str, strength: float, cell: Pixels) -> None:
    found = shifted(cell, kind, strength, DIAMETER)
    assert found.dtype == np.uint8
    assert found.shape == cell.shape
    assert (found != cell).any()
    assert (found == shifted(cell.copy(), kind, strength, DIAMETER)).all()
    outside = ~cell_mask(found if kind == "size" else cell)
    assert not found[outside].any()


def test_without_colour_the_channels_are_equal_and_the_luminance_stays(cell: Pixels) -> None:
    found = colour(cell, 1.0)
    assert (found[..., 0] == found[..., 1]).all()
    assert (found[..., 0] == found[..., 2]).all()
    assert found[140, 170, 0] == round(float(cell[140, 170] @ [0.299, 0.587, 0.114]))


@pytest.mark.parametrize("target", [90.0, 120.0, 150.0])
def test_a_cell_gets_the_diameter_asked_for(target: float, cell: Pixels) -> None:
    assert diameter(cell_mask(size(cell, 1.0, target))) == pytest.approx(target, rel=0.01)


def test_half_the_way_is_the_geometric_mean(cell: Pixels) -> None:
    before = diameter(cell_mask(cell))
    assert diameter(cell_mask(size(cell, 0.5, 130.0))) == pytest.approx((before * 130.0) ** 0.5, rel=0.01)


def test_another_size_has_the_same_colour_to_the_rim(cell: Pixels) -> None:
    flat = np.where(cell_mask(cell)[..., None], np.array([120, 60, 150]), 0).astype(np.uint8)
    found = size(flat, 1.0, 77.0)
    assert np.abs(found[cell_mask(found)].astype(int) - [120, 60, 150]).max() <= 2


def test_blur_does_not_darken_the_rim(cell: Pixels) -> None:
    flat = np.where(cell_mask(cell)[..., None], np.array([120, 60, 150]), 0).astype(np.uint8)
    assert (focus(flat, 3.0) == flat).all()


def test_stain_shifts_density_along_its_vectors() -> None:
    haematoxylin = np.exp(-0.8 * np.array([0.65, 0.70, 0.29])) * 256 - 1
    image = np.tile(np.rint(haematoxylin).astype(np.uint8), (20, 20, 1))
    expected = np.exp(-0.8 * 1.4 * np.array([0.65, 0.70, 0.29])) * 256 - 1
    assert np.abs(stain(image, 0.4)[0, 0].astype(float) - expected).max() <= 1.5


def test_a_smear_is_changed_everywhere_but_keeps_its_size() -> None:
    smear = np.random.default_rng(1).integers(100, 255, (60, 60, 3)).astype(np.uint8)
    assert (size(smear, 1.0, 20.0) == smear).all()
    assert (brightness(smear, -0.5) < smear).all()

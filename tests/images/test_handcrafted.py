"""Numbers that a haematologist could name: right on drawn shapes, finite on every image, the same every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import disk, polygon

from leukolab.base.streams import stream
from leukolab.images import cell_statistics
from leukolab.images.colour import CELL_NAMES
from leukolab.images.handcrafted import FAMILIES, features, measure
from leukolab.images.phantom import PhantomSpec, draw_cell, subject_look

Pixels = NDArray[np.uint8]
EDGE = 201


def drawn(rows: NDArray[np.int64], columns: NDArray[np.int64], colour: tuple[int, ...] = (150, 60, 140)) -> Pixels:
    image = np.zeros((EDGE, EDGE, 3), dtype=np.uint8)
    image[rows, columns] = colour
    return image


def disc(radius: float, colour: tuple[int, ...] = (150, 60, 140)) -> Pixels:
    return drawn(*disk((100, 100), radius), colour)


def star(points: int = 5, outer: float = 80, inner: float = 32) -> Pixels:
    angles = np.arange(2 * points) * np.pi / points
    radii = np.where(np.arange(2 * points) % 2, inner, outer)
    return drawn(*polygon(100 + radii * np.sin(angles), 100 + radii * np.cos(angles)))


def grained(seed: int = 1, width: float = 1.0) -> Pixels:
    """A disc of coloured grains with a dark nucleus."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(EDGE, EDGE)), width)
    shade = 40 * noise / noise.std()
    shade[disk((95, 104), 45)] -= 60
    return np.where(disc(70) > 0, np.clip(disc(70) + 60 + shade[..., None], 20, 255), 0).astype(np.uint8)


def phantom(background: str, number: int = 1) -> tuple[Pixels, float]:
    """A phantom cell, and its true share of nucleus."""
    spec = PhantomSpec(background=background)
    image, truth = draw_cell(spec, "normal", subject_look(spec, 7, "S001"), stream(7, "S001", "normal", number), 224)
    return image, truth.nucleus_area_px / truth.mask_area_px


def named(image: Pixels, *families: str) -> dict[str, float]:
    chosen = families or tuple(FAMILIES)
    return dict(zip((one.name for one in features(chosen)), map(float, measure(image, chosen)), strict=True))


def test_size_and_outline_of_a_disc_are_those_of_geometry() -> None:
    found = named(disc(60), "size", "outline")
    assert found["area"] == pytest.approx(np.pi * 60**2, rel=0.01)
    for name in ("equivalent diameter", "major axis", "minor axis"):
        assert found[name] == pytest.approx(120, rel=0.01)
    assert found["perimeter"] == pytest.approx(2 * np.pi * 60, rel=0.03)
    assert found["largest depth"] == pytest.approx(60, abs=1)
    assert found["form factor"] == pytest.approx(1, abs=0.06)
    assert found["solidity"] > 0.97
    assert found["eccentricity"] < 0.05
    assert found["radius deviation"] < 0.01


def test_a_star_is_less_solid_less_round_and_a_wave_of_its_points() -> None:
    of_disc, of_star = named(disc(60), "outline"), named(star(5), "outline")
    assert of_star["solidity"] < 0.75 < of_disc["solidity"]
    assert of_star["form factor"] < 0.6 < of_disc["form factor"]
    waves = [of_star[f"radius wave {n}"] for n in range(2, 9)]
    assert np.argmax(waves) == 5 - 2


def test_an_ellipse_has_its_axes_however_it_is_turned() -> None:
    rows, columns = np.mgrid[:EDGE, :EDGE] - 100
    for turned in (0.0, 0.6, 1.2):
        along = columns * np.cos(turned) + rows * np.sin(turned)
        across = rows * np.cos(turned) - columns * np.sin(turned)
        found = named(drawn(*np.nonzero((along / 80) ** 2 + (across / 40) ** 2 <= 1)), "size", "outline")
        assert (found["major axis"], found["minor axis"]) == pytest.approx((160, 80), rel=0.01)
        assert found["eccentricity"] == pytest.approx(np.sqrt(0.75), abs=0.01)


def test_size_outline_and_colour_agree_with_the_shortcut_statistics() -> None:
    image = grained()
    other = dict(zip(CELL_NAMES, cell_statistics(image), strict=True))
    found = named(image, "size", "outline", "colour")
    assert found["area"] == other["area_px"]
    assert found["solidity"] == pytest.approx(other["solidity"])
    assert found["eccentricity"] == pytest.approx(other["eccentricity"], abs=1e-4)
    assert found["perimeter"] == pytest.approx(other["perimeter_px"], rel=0.02)
    for channel in ("red", "green", "blue"):
        assert found[f"{channel} mean"] == pytest.approx(other[f"cell_{channel}_mean"], rel=1e-5)
        assert found[f"{channel} deviation"] == pytest.approx(other[f"cell_{channel}_sd"], rel=1e-5)
        assert found[f"{channel} p50"] == pytest.approx(other[f"cell_{channel}_p50"], abs=1)


def test_stains_are_those_of_beer_and_lambert() -> None:
    """A colour mixed from the stains of Ruifrok and Johnston comes back in its parts."""
    from skimage.color import hed2rgb

    mixed = np.rint(hed2rgb(np.array([[[0.12, 0.05, 0.0]]])) * 255)[0, 0].astype(int)
    found = named(disc(40, tuple(map(int, mixed))), "colour")
    assert (found["haematoxylin mean"], found["eosin mean"]) == pytest.approx((0.12, 0.05), abs=0.003)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_cell_has_the_same_numbers(turns: int) -> None:
    image = grained()[1:, 1:]
    first, second = named(image), named(np.ascontiguousarray(np.rot90(image, turns)))
    for name, value in first.items():
        blocks = name.startswith(("pattern", "bright", "dark")) and not name.endswith(" 1 px")
        assert second[name] == pytest.approx(value, rel=0.1 if blocks else 0.02, abs=0.06 if blocks else 0.02), name
    patterns = [name for name in first if name.startswith("pattern") and name.endswith("1 px")]
    assert [second[name] for name in patterns] == pytest.approx([first[name] for name in patterns], abs=1e-6)


def test_co_occurrences_are_those_counted_by_hand() -> None:
    """Contrast at 1 px along the rows, columns and diagonals of the core, pair by pair."""
    from leukolab.images.handcrafted.cell import cell_of

    cell = cell_of(grained())
    levels, core = (cell.grey // 4).astype(int), cell.core
    total, pairs = 0, 0
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other, there = np.roll(levels, (-down, -right), (0, 1)), np.roll(core, (-down, -right), (0, 1))
        both = core & there
        total += ((levels - other)[both] ** 2).sum()
        pairs += both.sum()
    assert named(grained(), "texture")["contrast at 1 px"] == pytest.approx(total / pairs, rel=1e-5)


def test_grains_are_found_at_their_size() -> None:
    fine, coarse = named(grained(width=1), "texture"), named(grained(width=6), "texture")
    for kind in ("bright", "dark"):
        few, many = (one[f"{kind} grains of 1 px"] / one[f"{kind} grains of 4 px"] for one in (coarse, fine))
        assert few < 0.5 * many


def test_blur_takes_focus_away() -> None:
    sharp = grained()
    blurred = np.where(sharp > 0, ndimage.gaussian_filter(sharp, (1.5, 1.5, 0)), 0).astype(np.uint8)
    before, after = named(sharp, "focus"), named(blurred, "focus")
    for name in ("Laplacian variance", "gradient mean", "detail of 1 px"):
        assert after[name] < 0.5 * before[name]
    grey = sharp.astype(int) @ [299, 587, 114] // 1000
    neighbours = sum(np.roll(grey, step, axis) for step in (1, -1) for axis in (0, 1))
    core = ndimage.distance_transform_edt(sharp.max(axis=2) > 12) > 3
    assert before["Laplacian variance"] == pytest.approx((neighbours - 4 * grey)[core].var(), rel=1e-5)


def test_the_nucleus_is_the_dark_disc_in_the_cell() -> None:
    image = disc(70, (200, 170, 210))
    image[disk((90, 105), 42)] = (110, 40, 130)
    found = named(image, "nucleus")
    assert found["nucleus area"] == pytest.approx(np.pi * 42**2, rel=0.02)
    assert found["nucleus share"] == pytest.approx((42 / 70) ** 2, rel=0.02)
    assert found["nucleus to cytoplasm"] == pytest.approx(42**2 / (70**2 - 42**2), rel=0.03)
    assert found["nucleus offset"] == pytest.approx(np.hypot(10, 5) / 140, abs=0.005)
    assert (found["nucleus pieces"], found["nucleus separation"]) == (1, pytest.approx(1))
    assert (found["nucleus green mean"], found["cytoplasm green mean"], found["rim green mean"]) == (40, 170, 170)


def test_the_nucleus_of_a_phantom_has_its_true_share() -> None:
    cells = [phantom("black", number) for number in range(5)]
    found = [named(image, "nucleus")["nucleus share"] for image, _ in cells]
    assert found == pytest.approx([true for _, true in cells], rel=0.15)


def odd_images() -> dict[str, Pixels]:
    rng = np.random.default_rng(4)
    found = {
        f"{h} x {w} of {value}": np.full((h, w, 3), value, dtype=np.uint8)
        for h, w in ((1, 1), (1, 9), (2, 2), (3, 5), (40, 33))
        for value in (0, 128, 255)
    }
    for h, w in ((1, 1), (1, 7), (5, 1), (2, 3), (17, 64), (300, 300)):
        found[f"noise {h} x {w}"] = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    dots = np.zeros((60, 60, 3), dtype=np.uint8)
    dots[10:50:4, 10:50:4] = 200
    line = np.zeros((60, 60, 3), dtype=np.uint8)
    line[30, 5:55] = (90, 20, 80)
    slant = np.zeros((60, 60, 3), dtype=np.uint8)
    slant[np.arange(50), np.arange(50)] = 255
    ring = disc(60)
    ring[disk((100, 100), 55)] = 0
    two = disc(40, (40, 40, 40))
    two[disk((100, 100), 20)] = 200
    barely = np.full((30, 30, 3), 13, dtype=np.uint8)
    primary = disc(30, (255, 0, 0))
    return found | {
        "dots": dots, "line": line, "slant": slant, "ring": ring, "bright in dark": two, "barely": barely,
        "red": primary, "blue": disc(5, (0, 0, 255)), "grains": grained(), "large": disc(99, (255, 254, 255)),
        **{f"phantom on {what}": phantom(what)[0] for what in ("black", "smear")},
    }  # fmt: skip


@pytest.mark.parametrize("name", odd_images())
def test_every_image_has_every_number(name: str) -> None:
    image = odd_images()[name]
    before = image.copy()
    found = measure(image)
    assert found.shape == (len(features()),)
    assert found.dtype == np.float32
    assert np.isfinite(found).all(), [
        one.name for one, value in zip(features(), found, strict=True) if not np.isfinite(value)
    ]
    assert np.array_equal(image, before)
    assert measure(image).tobytes() == found.tobytes()


def test_features_have_names_of_their_own_and_families_can_be_picked() -> None:
    everything = features()
    assert len({one.name for one in everything}) == len(everything)
    assert 100 <= len(everything) <= 200
    image = grained()
    for family in FAMILIES:
        alone = [value for one, value in zip(everything, measure(image), strict=True) if one.family == family]
        assert measure(image, (family,)).tolist() == alone
    assert measure(image, ("focus", "size")).tolist() == [*measure(image, ("focus",)), *measure(image, ("size",))]


def test_another_process_finds_the_same_bytes() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_handcrafted import *\n"
        "sys.stdout.buffer.write(measure(grained()).tobytes())"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == measure(grained()).tobytes()

"""Cells of two classes on black, one per subject, and copies of some of them as people have them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from leukolab.audit.exact import turned
from leukolab.audit.looks import Looks, look_at
from leukolab.base.streams import stream
from leukolab.images import cell_mask
from leukolab.images.phantom import PhantomSpec, draw_cell, subject_look

SIZE_PX = 160
CELLS = 70


@dataclass(frozen=True)
class Planted:
    """Files, their names and labels, and which pairs are one cell, by kind."""

    paths: list[Path]
    names: list[str]
    labels: list[int]
    twins: dict[frozenset[str], str]


def cell(number: int, stage: str) -> NDArray[np.uint8]:
    look = subject_look(PhantomSpec(), 3, str(number))
    return draw_cell(PhantomSpec(), stage, look, stream(3, "twin cell", number), SIZE_PX)[0]


def cut_again(image: NDArray[np.uint8], moved_px: int) -> NDArray[np.uint8]:
    """The same cell within an outline that lies further in."""
    return image * ndimage.binary_erosion(cell_mask(image), iterations=moved_px)[..., None]


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """70 cells of each class; eight have a twin among eight files more. Not to be changed."""
    folder = tmp_path_factory.mktemp("planted")
    files: list[tuple[str, int]] = []
    for number in range(2 * CELLS):
        name, label = f"{number:03d}", number % 2
        Image.fromarray(cell(number, "pro" if label else "normal")).save(folder / f"{name}.png")
        files.append((name, label))
    twins = {}
    for name, kind in plant(folder).items():
        files.append((f"{name}x", int(name) % 2))
        twins[frozenset((name, f"{name}x"))] = kind
    paths = [next(folder.glob(f"{name}.*")) for name, _ in files]
    return Planted(paths, [name for name, _ in files], [label for _, label in files], twins)


def plant(folder: Path) -> dict[str, str]:
    """Write the copies; the first cell's name and the kind of pair."""
    images = {number: np.array(Image.open(folder / f"{number:03d}.png")) for number in range(2, 10)}
    shutil.copy(folder / "002.png", folder / "002x.png")
    Image.fromarray(images[3]).save(folder / "003x.webp", lossless=True)
    Image.fromarray(turned(images[4], 1)).save(folder / "004x.png")
    Image.fromarray(turned(images[5], 6)).save(folder / "005x.png")
    Image.fromarray(cut_again(images[6], 2)).save(folder / "006x.png")
    Image.fromarray(images[7]).save(folder / "007x.jpg", quality=90)
    Image.fromarray(turned(cut_again(images[8], 1), 3)).save(folder / "008x.png")
    Image.fromarray((images[9] * 0.85).astype(np.uint8)).save(folder / "009x.png")
    kinds = ("identical_bytes", "identical_pixels", "flipped", "flipped", *["near_twin"] * 4)
    return dict(zip((f"{number:03d}" for number in images), kinds, strict=True))


@pytest.fixture(scope="session")
def planted_looks(planted: Planted) -> Looks:
    return look_at(planted.paths, planted.names)


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Any picture, 24 x 24."""
    return np.random.default_rng(2).integers(0, 255, (24, 24, 3), dtype=np.uint8)

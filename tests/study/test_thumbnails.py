"""Pictures of the report are those of the images that are named, whatever the files were called when packed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.base.files import make_folder
from leukolab.base.home import Home
from leukolab.images import pack
from leukolab.results.folder import RunFolder
from leukolab.results.records import DataRecord
from leukolab.study.record import _forget_pictures_of_others
from leukolab.study.thumbnails import Thumbnails


def write_index(run: RunFolder, *names: str) -> None:
    """An index of these images."""
    facts = {"label": 0, "class_name": "all", "subject": "P1", "part": ""}
    run.write(RunFolder.index, pd.DataFrame({"image_id": names, "path": names}).assign(**facts))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[RunFolder, Home]:
    """A run of images `x`, `y`, `z` and a home folder where these files were packed under other names."""
    run, home = RunFolder(tmp_path / "run"), Home(tmp_path / "home")
    paths = [tmp_path / f"{value}.png" for value in range(3)]
    for value, path in enumerate(paths):
        Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(path)
    store = pack(paths, ["z", "x", "y"], 16, None, home)
    make_folder(run.path)
    run.record(RunFolder.data, DataRecord(fingerprint="0", pixels=store.key))
    write_index(run, "x", "y", "z")
    return run, home


def test_a_picture_is_that_of_its_row_in_the_run(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    found = Thumbnails.open(run, home)
    assert [int(found.get(name)[0, 0, 0]) for name in ("x", "y", "z")] == [0, 1, 2]
    found.keep()
    alone = Thumbnails.open(run, None)
    assert [int(alone.get(name)[0, 0, 0]) for name in ("x", "y", "z")] == [0, 1, 2]


def test_an_image_may_be_called_anything(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    write_index(run, "file", "image_ids", "0")
    found = Thumbnails.open(run, home)
    before = [int(found.get(name)[0, 0, 0]) for name in ("file", "image_ids", "0")]
    found.keep()
    again = Thumbnails.open(run, None)
    assert [int(again.get(name)[0, 0, 0]) for name in ("file", "image_ids", "0")] == before == [0, 1, 2]


def test_pictures_of_an_earlier_version_are_read(folders: tuple[RunFolder, Home]) -> None:
    run, _ = folders
    np.savez_compressed(run.file(RunFolder.PICTURES), x=np.full((4, 4, 3), 9, np.uint8))
    assert int(Thumbnails.open(run, None).get("x")[0, 0, 0]) == 9


def test_pixels_of_another_number_of_images_are_not_shown(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    write_index(run, "x", "y")
    assert Thumbnails.open(run, home).get("x").shape == (64, 64, 3)


def test_pixels_that_were_changed_are_not_shown(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    file = home / "pixels" / run.data.pixels / "pixels.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert Thumbnails.open(run, home).get("x").shape == (64, 64, 3)


def test_pictures_of_another_geometry_are_dropped_when_a_run_goes_on(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    found = Thumbnails.open(run, home)
    found.get("y")
    found.keep()
    _forget_pictures_of_others(run, run.data.pixels)
    assert run.has(RunFolder.PICTURES)
    _forget_pictures_of_others(run, "pixels-2")
    assert not run.has(RunFolder.PICTURES)

"""Pictures of the report are those of the images that are named, whatever the files were called when packed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.base.files import make_folder, write_json
from leukolab.base.home import Home
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
    store = make_folder(home / "pixels" / "pixels-1")
    run.record(RunFolder.data, DataRecord(fingerprint="0", pixels="pixels-1"))
    write_index(run, "x", "y", "z")
    np.save(store / "pixels.npy", np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 4, 4, 3), np.uint8))
    write_json(store / "manifest.json", {"image_ids": ["z", "x", "y"]})
    return run, home


def test_a_picture_is_that_of_its_row_in_the_run(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    found = Thumbnails.open(run, home)
    assert [int(found.get(name)[0, 0, 0]) for name in ("x", "y", "z")] == [0, 1, 2]
    found.keep()
    alone = Thumbnails.open(run, None)
    assert [int(alone.get(name)[0, 0, 0]) for name in ("x", "y", "z")] == [0, 1, 2]


def test_pixels_of_another_number_of_images_are_not_shown(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    write_index(run, "x", "y")
    assert Thumbnails.open(run, home).get("x").shape == (64, 64, 3)


def test_pictures_of_another_geometry_are_dropped_when_a_run_goes_on(folders: tuple[RunFolder, Home]) -> None:
    run, home = folders
    found = Thumbnails.open(run, home)
    found.get("y")
    found.keep()
    _forget_pictures_of_others(run, "pixels-1")
    assert run.has(RunFolder.PICTURES)
    _forget_pictures_of_others(run, "pixels-2")
    assert not run.has(RunFolder.PICTURES)

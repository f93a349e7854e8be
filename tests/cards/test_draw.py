from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukolab.base.errors import DataError, SpecError, StorageError
from leukolab.cards.draw import draw_data_set
from leukolab.images.phantom import PhantomSpec


def small(out: Path, layout: str = "two_class", seed: int = 7, spec: PhantomSpec | None = None) -> Path:
    return draw_data_set(out, layout, 8, 2, 48, seed, spec)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("layout", "classes"),
    [("two_class", {"normal", "all"}), ("four_class", {"benign", "early", "pre", "pro"})],
)
def test_a_folder_a_class_and_one_class_a_subject(tmp_path: Path, layout: str, classes: set[str]) -> None:
    out = small(tmp_path / "data", layout)
    truth = pd.read_csv(out / "truth.csv")
    assert {p.name for p in out.iterdir() if p.is_dir()} == classes
    assert set(truth["image_id"]) == {p.relative_to(out).as_posix() for p in out.rglob("*.png")}
    assert len(truth) == 16
    assert (truth.groupby("subject")["class_name"].nunique() == 1).all()
    assert (truth.groupby("subject")["stage"].nunique() == 1).all()
    assert (
        truth["image_id"] == truth["class_name"] + "/" + truth["subject"] + "_" + ["0001", "0002"] * 8 + ".png"
    ).all()
    with Image.open(out / truth["image_id"][0]) as image:
        assert image.size == (48, 48)
        corner = np.asarray(image)[:2, :2]
    assert corner.max() == 0 if layout == "two_class" else corner.min() > 100


def test_two_class_has_blasts_of_every_stage(tmp_path: Path) -> None:
    truth = pd.read_csv(small(tmp_path / "data") / "truth.csv")
    assert set(truth["stage"][truth["class_name"] == "all"]) == {"early", "pre", "pro"}
    assert set(truth["stage"][truth["class_name"] == "normal"]) == {"normal"}


def test_truth_is_that_of_the_file(tmp_path: Path) -> None:
    out = small(tmp_path / "data")
    for row in pd.read_csv(out / "truth.csv").itertuples():
        with Image.open(out / row.image_id) as image:
            assert int(np.asarray(image).any(axis=2).sum()) == row.mask_area_px


def test_says_that_it_is_synthetic_and_how_it_was_drawn(tmp_path: Path) -> None:
    out = small(tmp_path / "data", spec=PhantomSpec(leak_strength=0.5))
    said = json.loads((out / "phantom.json").read_text(encoding="utf-8"))
    assert said["synthetic"] is True
    assert (said["layout"], said["seed"], said["subjects"]) == ("two_class", 7, 8)
    assert said["spec"]["leak_strength"] == 0.5
    assert said["spec"]["background"] == "black"


def test_same_seed_same_files_other_seed_others(tmp_path: Path) -> None:
    one, two, other = small(tmp_path / "a"), small(tmp_path / "b"), small(tmp_path / "c", seed=8)
    assert contents(one) == contents(two)
    assert contents(one) != contents(other)


def test_an_empty_folder_is_filled_and_the_same_phantom_kept(tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    small(out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    small(out)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_another_phantom_is_refused_and_untouched(tmp_path: Path) -> None:
    out = small(tmp_path / "data")
    before = contents(out)
    with pytest.raises(DataError, match="other settings"):
        small(out, seed=8)
    assert contents(out) == before


def test_an_incomplete_phantom_is_refused(tmp_path: Path) -> None:
    out = small(tmp_path / "data")
    next(out.rglob("*.png")).unlink()
    with pytest.raises(DataError, match=r"expected 16 images .* found 15"):
        small(out)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(DataError, match="found other files"):
        small(tmp_path)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep me"
    with pytest.raises(DataError, match="found a file"):
        small(tmp_path / "mine.txt")


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Did you mean 'two_class'"):
        small(tmp_path / "a", "two_clas")
    with pytest.raises(SpecError, match="subjects: expected 4"):
        draw_data_set(tmp_path / "a", "four_class", 3, 1, 48, 7)
    with pytest.raises(SpecError, match="images"):
        draw_data_set(tmp_path / "a", "four_class", 4, 0, 48, 7)
    with pytest.raises(SpecError, match="size"):
        draw_data_set(tmp_path / "a", "four_class", 4, 1, 8, 7)
    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_a_link_to_an_empty_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    draw_data_set(tmp_path / "link", "two_class", 2, 1, 32, 7)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "phantom.json").is_file()


def test_what_a_killed_process_left_is_removed_by_the_next_and_living_ones_are_not_disturbed(tmp_path: Path) -> None:
    out, other = tmp_path / "data", tmp_path / ".data.txt"
    other.write_text("not ours")
    script = "import sys; from leukolab.cards import draw; draw.draw_data_set(sys.argv[1], 'two_class', 8, 999, 48, 7)"
    living = subprocess.Popen([sys.executable, "-c", script, str(out)])
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".data.*/*/*.png")):
            assert time.monotonic() < deadline, "it draws nothing"
            time.sleep(0.02)
        with pytest.raises(StorageError, match="another process is writing this folder"):
            small(out)
    finally:
        living.kill()
        living.wait()
    assert list(tmp_path.glob(".data.*/*/*.png")), "a killed process leaves what it drew"
    small(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".data.txt", "data"]

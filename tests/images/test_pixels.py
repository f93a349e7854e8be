from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
import tokenize
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from leukolab.base.errors import ImageError, StorageError
from leukolab.base.home import Home
from leukolab.base.shelf import trim
from leukolab.images import PixelStore, decode, fit, map_files, open_store, pack, pixel_digest, pixels


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(30):
        path = tmp_path / "in" / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
        made.append(path)
    return made


def packed(paths: list[Path], home: Home, **options: object) -> PixelStore:
    settings = {"size_px": 16, "crop_px": None, "home": home, **options}
    return pack(paths, [path.name for path in paths], **settings)


def test_every_image_is_there_in_order(paths: list[Path], tmp_path: Path) -> None:
    store = packed(paths, Home(tmp_path / "home"), crop_px=18)
    assert store.array.shape == (30, 16, 16, 3)
    assert not store.array.flags.writeable
    assert store.image_ids == tuple(path.name for path in paths)
    for row, path in enumerate(paths):
        image = decode(path)
        assert np.array_equal(store.array[row], fit(image, 16, 18))
        assert store.measures.loc[row].tolist() == [path.name, 24, 20, pixel_digest(image)]


def test_the_store_has_a_manifest(paths: list[Path], tmp_path: Path) -> None:
    store = packed(paths, Home(tmp_path / "home"))
    manifest = json.loads((tmp_path / "home" / "pixels" / store.key / "manifest.json").read_text())
    assert len(manifest["file_sha256"]) == 30
    assert manifest["size_px"] == 16
    assert str(tmp_path) not in json.dumps(manifest)


def test_a_second_time_nothing_is_packed(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = packed(paths, Home(tmp_path / "home"))
    monkeypatch.setattr(pixels, "_make", None)
    second = packed(paths, Home(tmp_path / "home"))
    assert second.key == first.key
    assert second.measures.equals(first.measures)


def test_packing_keeps_the_home_folder_within_its_bound(paths: list[Path], tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    old = packed(paths, home, size_px=17).key
    new = packed(paths, Home(home.path, limit_bytes=1000))
    assert new.image_ids
    assert not (home / "pixels" / old).exists()
    assert (home / "pixels" / new.key).exists()


def test_pixels_stay_from_before_they_are_packed_until_nobody_uses_them(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another study pushes out all it may, or somebody clears the cache, at any moment."""
    home, freed = Home(tmp_path / "home", 1), []
    real = pixels._make
    monkeypatch.setattr(pixels, "_make", lambda *given: (real(*given), freed.append(trim(home, 0))))
    store = packed(paths, home)
    freed.append(trim(home, 0))
    again = open_store(home, store.key, store.image_ids)
    del store
    freed.append(trim(home, 0))
    assert freed == [0, 0, 0]
    assert again.array.any()
    del again
    assert trim(home, 0) > 0


def test_a_whole_store_under_the_key_of_another_is_not_believed(paths: list[Path], tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    ours, other = packed(paths[:10], home), packed(paths[10:20], home)
    shutil.rmtree(home / "pixels" / ours.key)
    shutil.copytree(home / "pixels" / other.key, home / "pixels" / ours.key)
    with pytest.raises(ImageError, match="found none or others"):
        open_store(home, ours.key, ours.image_ids)
    assert np.array_equal(packed(paths[:10], home).array, ours.array)


def test_the_key_is_of_the_bytes_and_not_of_the_path(paths: list[Path], tmp_path: Path) -> None:
    first = packed(paths, Home(tmp_path / "home"))
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in paths]
    again = packed(moved, Home(tmp_path / "home"))
    assert again.key == first.key
    assert again.image_ids[0] == "moved-00.png"
    assert again.measures["image_id"].tolist() == list(again.image_ids)
    assert packed(moved, Home(tmp_path / "home"), size_px=17).key != first.key
    assert packed(moved[::-1], Home(tmp_path / "home")).key != first.key


@pytest.mark.parametrize("damage", ["pixels.npy", "measures.parquet", "manifest.json"])
def test_a_damaged_store_is_made_again(paths: list[Path], tmp_path: Path, damage: str) -> None:
    first = packed(paths, Home(tmp_path / "home"))
    expected = np.array(first.array)
    file = tmp_path / "home" / "pixels" / first.key / damage
    del first
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    assert np.array_equal(packed(paths, Home(tmp_path / "home")).array, expected)


@pytest.mark.parametrize("damage", ["pixels.npy", "measures.parquet", "manifest.json"])
def test_a_store_cut_short_is_made_again(paths: list[Path], tmp_path: Path, damage: str) -> None:
    first = packed(paths, Home(tmp_path / "home"))
    expected, file = np.array(first.array), tmp_path / "home" / "pixels" / first.key / damage
    for size in (0, file.stat().st_size // 2):
        file.write_bytes(file.read_bytes()[:size])
        assert np.array_equal(packed(paths, Home(tmp_path / "home")).array, expected)


def test_a_store_whose_head_is_no_python_is_made_again(paths: list[Path], tmp_path: Path) -> None:
    first = packed(paths, Home(tmp_path / "home"))
    expected, file = np.array(first.array), tmp_path / "home" / "pixels" / first.key / "pixels.npy"
    del first
    data = file.read_bytes()
    file.write_bytes(data[:10] + data[10:128].replace(b"}", b"(") + data[128:])
    with pytest.raises(tokenize.TokenError):
        np.load(file)
    assert np.array_equal(packed(paths, Home(tmp_path / "home")).array, expected)


def test_a_manifest_that_gives_pixels_other_names_is_not_believed(paths: list[Path], tmp_path: Path) -> None:
    """Rows left out are in the manifest alone: one number changed would shift every name after it."""
    paths[0].write_text("words")
    store = packed(paths, Home(tmp_path / "home"), skip_unreadable=True)
    file = tmp_path / "home" / "pixels" / store.key / "manifest.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps(manifest | {"unreadable_rows": [29]}))
    again = packed(paths, Home(tmp_path / "home"), skip_unreadable=True)
    assert again.image_ids == store.image_ids == tuple(path.name for path in paths[1:])
    file.write_text(json.dumps(manifest | {"size_px": 4}))
    with pytest.raises(ImageError, match="found none or others"):
        open_store(Home(tmp_path / "home"), store.key, store.image_ids)


def test_who_comes_second_waits_and_packs_nothing(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, begun = [], threading.Event()
    really = pixels._decoded

    def slowly(path: Path, job: Any) -> Any:
        decoded.append(path)
        begun.set()
        time.sleep(0.005)
        return really(path, job)

    monkeypatch.setattr(pixels, "_decoded", slowly)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(packed, paths, Home(tmp_path / "home"))
        assert begun.wait(30)
        second = packed(paths, Home(tmp_path / "home"))
        assert np.array_equal(second.array, first.result().array)
    assert sorted(decoded) == paths


def test_packing_holds_a_few_images_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times the images, 24 KiB each: 4 MiB more if they were all held, some names and digests if not."""
    monkeypatch.setattr(pixels, "_PIECE_BYTES", 1 << 16)
    peaks = []
    for images in (25, 200):
        made = []
        for number in range(images):
            made.append(tmp_path / f"{images}-{number:03}.png")
            Image.fromarray(np.full((90, 90, 3), number, np.uint8)).save(made[-1])
        tracemalloc.start()
        store = packed(made, Home(tmp_path / f"home{images}"), size_px=90)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert store.array.nbytes == images * 90 * 90 * 3
    assert peaks[1] - peaks[0] < 2**20


def test_nothing_is_left_behind_when_packing_fails(paths: list[Path], tmp_path: Path) -> None:
    paths[3].write_bytes(b"")
    with pytest.raises(ImageError):
        packed(paths, Home(tmp_path / "home"))
    assert list((tmp_path / "home" / "pixels").iterdir()) == []


def test_all_unreadable_images_are_counted_and_five_named(paths: list[Path], tmp_path: Path) -> None:
    for path in paths[2:9]:
        path.write_text("words")
    with pytest.raises(ImageError, match="7 of 30 images cannot be read") as caught:
        packed(paths, Home(tmp_path / "home"))
    assert all(path.name in str(caught.value) for path in paths[2:7])
    assert paths[7].name not in str(caught.value)
    assert "2 more" in str(caught.value)


def test_unreadable_images_may_be_skipped_and_are_listed(paths: list[Path], tmp_path: Path) -> None:
    paths[0].write_text("words")
    paths[5].unlink()
    for _ in range(2):
        store = packed(paths, Home(tmp_path / "home"), skip_unreadable=True)
        assert store.array.shape[0] == 28
        assert [image_id for image_id, _ in store.unreadable] == ["00.png", "05.png"]
        assert "another kind" in store.unreadable[0][1]
        assert np.array_equal(store.array[0], fit(decode(paths[1]), 16))
    with pytest.raises(ImageError, match="2 of 30"):
        packed(paths, Home(tmp_path / "home"))


def test_nothing_readable_is_an_error_even_when_skipping(paths: list[Path], tmp_path: Path) -> None:
    paths[0].write_text("words")
    with pytest.raises(ImageError, match="1 of 1 images"):
        packed(paths[:1], Home(tmp_path / "home"), skip_unreadable=True)


def test_no_images_at_all(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at least one image"):
        packed([], Home(tmp_path / "home"))


def test_rows_follow_the_asked_order(paths: list[Path], tmp_path: Path) -> None:
    store = packed(paths, Home(tmp_path / "home"))
    assert store.rows(["07.png", "00.png", "07.png"]).tolist() == [7, 0, 7]
    with pytest.raises(ImageError, match=r"x\.png: expected among the 30 packed images"):
        store.rows(["00.png", "x.png"])


def test_a_file_where_the_home_should_be(paths: list[Path], tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.write_text("a file")
    with pytest.raises(StorageError, match="file stands where a folder"):
        packed(paths, home)


def test_results_keep_their_order_and_few_wait() -> None:
    started = []

    def square(number: int) -> int:
        started.append(number)
        return number * number

    results = map_files(square, range(1000), "Squaring", threads=2)
    assert next(results) == 0
    assert len(started) <= 9
    assert list(results) == [number * number for number in range(1, 1000)]


PACKS = """
import sys, time
from pathlib import Path
from leukolab.base.home import Home
from leukolab.images.pixels import _alone
home = Home(Path(sys.argv[1]))
end = time.monotonic() + 1.5
while time.monotonic() < end:
    with _alone(home, "pixels-0"):
        (home / "packing").touch(exist_ok=False)
        time.sleep(0.001)
        (home / "packing").unlink()
"""


def test_one_process_packs_while_another_tidies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PACKS, str(tmp_path)]
    packers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    while any(packer.poll() is None for packer in packers):
        trim(Home(tmp_path), 0)
        time.sleep(0.002)
    assert [packer.communicate()[1] for packer in packers] == [b"", b""]

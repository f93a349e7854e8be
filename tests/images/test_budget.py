"""Memory is bounded in bytes, for one image and for all threads of a process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukolab.audit.looks import colours_digest
from leukolab.base.errors import ImageError
from leukolab.images import budget, cell_statistics, colour, colour_statistics, decode, geometry, map_files, thinned

EDGE = 2_600


def test_sixteen_bits_are_scaled_in_strips_with_the_same_result(tmp_path: Path) -> None:
    values = np.tile(np.arange(EDGE, dtype=np.uint16) * 25, (EDGE, 1))
    values[-1] = 65_535
    Image.fromarray(values).save(tmp_path / "a.png", compress_level=1)
    tracemalloc.start()
    pixels = decode(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * EDGE**2, "bytes per pixel beside the picture itself"
    assert np.array_equal(pixels[..., 2], np.rint(values.astype(np.float64) * (255.0 / 65_535)).astype(np.uint8))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16", "F"])
def test_strips_give_what_the_whole_picture_gives(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (23, 17, 4), dtype=np.uint8)
    picture = Image.fromarray(noise[..., 0] if mode in "1LA" else noise, "L" if mode in "1LA" else "RGBA")
    if mode == "CMYK":
        picture = Image.fromarray(noise, "CMYK")
    image = {
        "I;16": Image.fromarray(noise[..., 0].astype(np.uint16) * 200),
        "F": Image.fromarray(noise[..., 0].astype(np.float32) / 255),
        "P": Image.fromarray(noise[..., :3]).quantize(16),
    }.get(mode) or picture.convert(mode)
    path = tmp_path / "a.tif"
    image.save(path)
    whole = decode(path)
    monkeypatch.setattr(sys.modules["leukolab.images.decode"], "_STRIP_PIXELS", 40)
    assert np.array_equal(decode(path), whole)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is told by Linux")
@pytest.mark.parametrize("name", ["a.jp2", "a.webp", "a.png", "a.jpg", "a.tif", "a.avif"])
def test_decoding_takes_no_more_bytes_than_are_counted(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (2_000, 2_000, 4), dtype=np.uint8)
    options = {"a.webp": {"lossless": True, "quality": 0, "method": 0}, "a.avif": {"speed": 10}}.get(name, {})
    Image.fromarray(noise[..., :3] if name == "a.jpg" else noise).save(tmp_path / name, **options)
    Image.fromarray(noise[:9, :9]).save(tmp_path / "small.png")
    script = """
import sys
from pathlib import Path
from leukolab.images import decode
def told(key):
    return int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1]) * 1024
decode(Path(sys.argv[1]))
open("/proc/self/clear_refs", "w").write("5")
before = told("VmRSS")
decode(Path(sys.argv[2]))
print(told("VmHWM") - before)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "small.png"), str(tmp_path / name)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    with Image.open(tmp_path / name) as image:
        assert int(found.stdout) <= 2_000 * 2_000 * budget.bytes_per_pixel(image.format) + 2**23


def test_formats_that_take_more_for_each_pixel_may_have_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["leukolab.images.decode"], "MAX_BYTES", 100 * 100 * budget.OTHERS_PER_PIXEL)
    for name in ("a.png", "a.jp2"):
        Image.new("RGB", (100, 100)).save(tmp_path / name)
    assert decode(tmp_path / "a.png").shape == (100, 100, 3)
    with pytest.raises(ImageError, match=r"a\.jp2: expected at most 6,400 pixels, found 100 x 100"):
        decode(tmp_path / "a.jp2")


def test_images_of_all_threads_together_stay_within_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(budget, "PROCESS_BYTES", int(2.5 * 100 * 100 * budget.OTHERS_PER_PIXEL))
    lock, held, most = threading.Lock(), 0, 0

    def look(path: Path) -> None:
        nonlocal held, most
        decode(path)
        with lock:
            held += 1
            most = max(most, held)
        time.sleep(0.01)
        decode(path)
        with lock:
            held -= 1

    list(map_files(look, [tmp_path / "a.png"] * 12, "looking", threads=6))
    assert most == 2
    monkeypatch.setattr(budget, "PROCESS_BYTES", 1)
    list(map_files(look, [tmp_path / "a.png"] * 3, "looking", threads=3))


def test_a_very_large_image_is_measured_thinned_and_any_other_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((200, 200, 3), dtype=np.uint8)
    image[40:160, 60:140] = (180, 60, 160)
    assert thinned(image)[0].shape == image.shape
    colours, cell, digest = colour_statistics(image), cell_statistics(image), colours_digest(image)
    monkeypatch.setattr(geometry, "MEASURED_PIXELS", 10_000)
    monkeypatch.setattr(colour, "_STRIP_ROWS", 7)
    assert [thinned(image)[0].shape, thinned(image)[1]] == [(100, 100, 3), 2]
    assert np.array_equal(colour_statistics(image), colours)
    assert colours_digest(image) == digest
    assert cell_statistics(image) == pytest.approx(cell, rel=0.03)

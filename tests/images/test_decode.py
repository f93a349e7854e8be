"""Every layout of image file that is met, and every way in which one can be broken."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukolab.base.errors import ImageError
from leukolab.base.keys import file_digest
from leukolab.images import IMAGE_SUFFIXES, decode, image_size, pixel_digest
from leukolab.images.formats import FORMATS, readable

RAMP = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5


def saved(folder: Path, image: Image.Image, name: str = "a.png", **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.gif"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, name: str) -> None:
    pixels = decode(saved(tmp_path, Image.fromarray(RAMP[:, :, 0]), name))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.repeat(RAMP[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_rgb_is_kept_exactly(tmp_path: Path, name: str) -> None:
    assert np.array_equal(decode(saved(tmp_path, Image.fromarray(RAMP), name)), RAMP)


def test_lossless_webp_is_kept_exactly(tmp_path: Path) -> None:
    assert np.array_equal(decode(saved(tmp_path, Image.fromarray(RAMP), "a.webp", lossless=True)), RAMP)


def test_bilevel_is_black_and_white(tmp_path: Path) -> None:
    pixels = decode(saved(tmp_path, Image.fromarray(RAMP[:, :, 0] > 100).convert("1")))
    assert set(np.unique(pixels)) == {0, 255}


def test_palette_gives_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert decode(saved(tmp_path, image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_transparent_palette_lies_on_black(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    path = saved(tmp_path, image, transparency=bytes([255, 0]))
    assert decode(path).tolist() == [[[10, 20, 30], [0, 0, 0]]]


def test_transparency_is_composited_on_black(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], dtype=np.uint8))
    pixels = decode(saved(tmp_path, image))
    assert pixels[0, 0].tolist() == [200, 100, 50]
    assert pixels[0, 1].tolist() == [0, 0, 0]
    assert pixels[0, 2, 0] == pytest.approx(100, abs=1)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    pixels = decode(saved(tmp_path, Image.new("CMYK", (3, 2), (0, 255, 255, 0)), "a.jpg", quality=100))
    assert pixels.shape == (2, 3, 3)
    assert pixels[0, 0, 0] > 200
    assert pixels[0, 0, 1] < 60


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 257, 25_700, 65_535]], dtype=np.uint16)
    pixels = decode(saved(tmp_path, Image.fromarray(values), name))
    assert pixels[0, :, 1].tolist() == [0, 1, 100, 255]


def test_fractions_are_scaled_by_one(tmp_path: Path) -> None:
    values = np.array([[0, 0.5, 1]], dtype=np.float32)
    assert decode(saved(tmp_path, Image.fromarray(values), "a.tif"))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("bad", [-1.0, 300.0, np.nan])
def test_values_without_a_known_range_are_refused(tmp_path: Path, bad: float) -> None:
    path = saved(tmp_path, Image.fromarray(np.array([[0, bad]], dtype=np.float32)), "a.tif")
    with pytest.raises(ImageError, match="expected grey values from 0"):
        decode(path)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
    path = saved(tmp_path, image, exif=exif)
    assert np.array_equal(decode(path), np.rot90(np.array(image), -1))
    assert image_size(path) == (2, 3)


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
def test_first_frame_of_several(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), (value, value, value)) for value in (0, 255, 128)]
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    assert decode(path).max() < 10


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    with pytest.raises(ImageError, match=r"a\.jpg: expected an image, found an empty file"):
        decode(path)


def test_a_text_file_called_jpg_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("no image at all, only words")
    with pytest.raises(ImageError, match="file of another kind"):
        decode(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp", "a.tif"])
def test_a_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"a\.\w+: expected"):
        decode(path)


def test_a_format_that_is_not_listed_is_refused_whatever_its_ending(tmp_path: Path) -> None:
    for number, kind in enumerate(("EPS", "PDF", "PCX", "SGI", "ICO", "XBM")):
        path = tmp_path / f"{number}.png"
        Image.new("1" if kind == "XBM" else "RGB", (4, 4)).save(path, format=kind)
        with pytest.raises(ImageError, match=r"expected an image \(AVIF, JPEG.*file of another kind"):
            decode(path)


def test_no_other_program_is_ever_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **_: started.append(given))
    for function in (decode, image_size):
        with pytest.raises(ImageError, match="file of another kind"):
            function(path)
    assert not started


def test_the_endings_that_are_looked_at_are_those_of_the_formats_that_are_read() -> None:
    Image.init()
    assert set(FORMATS) == set(readable())
    assert frozenset().union(*FORMATS.values()) == IMAGE_SUFFIXES
    of_pillow = {ending: name for ending, name in Image.EXTENSION.items() if ending in IMAGE_SUFFIXES}
    assert all(ending in FORMATS[name] for ending, name in of_pillow.items() if ending != ".dib")


def test_a_pipe_a_device_and_a_folder_are_named_at_once_and_a_link_is_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    for name, what in (("pipe", "pipe, socket or device"), ("device", "pipe, socket or device"), ("folder", "folder")):
        for function in (decode, image_size):
            with pytest.raises(ImageError, match=what):
                function(tmp_path / f"{name}.png")
        with pytest.raises(OSError, match=what):
            file_digest(tmp_path / f"{name}.png")
    saved(tmp_path, Image.fromarray(RAMP), "true.png")
    (tmp_path / "link.png").symlink_to("true.png")
    assert np.array_equal(decode(tmp_path / "link.png"), RAMP)


def test_a_name_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="expected an image that can be opened, found none"):
        decode(tmp_path / f"{'x' * 300}.png")


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("too deep")])
def test_an_image_that_exhausts_memory_or_recursion_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = saved(tmp_path, Image.fromarray(RAMP))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load_prepare", fail)
    with pytest.raises(ImageError, match=r"a\.png: expected"):
        decode(path)


def huge_png(path: Path, edge: int) -> Path:
    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    data = zlib.compress(b"\0" * 100)
    body = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + body)
    return path


@pytest.mark.parametrize("edge", [9_460, 12_000, 30_000])
def test_a_huge_image_is_refused_before_decoding(tmp_path: Path, edge: int) -> None:
    path = huge_png(tmp_path / "a.png", edge)
    for function in (decode, image_size):
        with pytest.raises(ImageError, match="expected at most 89,000,000 pixels"):
            function(path)


def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at most 15 pixels, found 4 x 4"):
        decode(saved(tmp_path, Image.fromarray(RAMP)), max_pixels=15)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="found no file"):
        decode(tmp_path / "none.png")
    with pytest.raises(ImageError, match=r"expected"):
        decode(tmp_path)


def test_filters_of_warnings_are_as_before_after_many_threads(tmp_path: Path) -> None:
    good = saved(tmp_path, Image.fromarray(RAMP))
    bad = huge_png(tmp_path / "b.png", 12_000)

    def attempt(path: Path) -> None:
        with contextlib.suppress(ImageError):
            decode(path)

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, [good, bad] * 100))
    assert list(warnings.filters) == before


def test_image_size_is_width_then_height(tmp_path: Path) -> None:
    assert image_size(saved(tmp_path, Image.new("RGB", (7, 3)))) == (7, 3)


def test_digest_sees_shape_and_pixels_only(tmp_path: Path) -> None:
    bmp, png = (decode(saved(tmp_path, Image.fromarray(RAMP), name)) for name in ("a.bmp", "b.png"))
    assert pixel_digest(bmp) == pixel_digest(png)
    assert pixel_digest(RAMP) != pixel_digest(RAMP.reshape(2, 8, 3))
    changed = RAMP.copy()
    changed[3, 3, 2] ^= 1
    assert pixel_digest(RAMP) != pixel_digest(changed)
    assert len(pixel_digest(RAMP)) == 64

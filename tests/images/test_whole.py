"""No file that lacks pixels is taken for a whole one, also where its stream ends early but as it should."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukolab.base.errors import ImageError
from leukolab.images import decode

EDGE, ROWS = 48, 10
_NOISE = np.random.default_rng(5).integers(1, 255, (8, 8, 3), dtype=np.uint8)
PICTURE = Image.fromarray(_NOISE).resize((EDGE, EDGE), Image.Resampling.BICUBIC)
SHORT = PICTURE.crop((0, 0, EDGE, ROWS))


def encoded(image: Image.Image, kind: str, **options: object) -> bytearray:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return bytearray(stream.getvalue())


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(image: Image.Image, passes: tuple[tuple[int, int, int, int], ...] = ((0, 0, 1, 1),)) -> bytes:
    """A closed stream of these rows, or passes, under a head that says 48 rows."""
    pixels = np.asarray(image)
    rows = (row for left, top, across, down in passes for row in pixels[top::down, left::across])
    colour = {"L": 0, "RGB": 2, "RGBA": 6}[image.mode]
    head = struct.pack(">IIBBBBB", EDGE, EDGE, 8, colour, 0, 0, len(passes) > 1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def jpeg(**options: object) -> bytearray:
    data = encoded(SHORT, "JPEG", **options)
    place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    data[place + 5 : place + 7] = struct.pack(">H", EDGE)
    return data


def jpeg_until(place: int, **options: object) -> bytearray:
    """A JPEG cut there, and ended as it should be."""
    return encoded(PICTURE, "JPEG", quality=90, **options)[:place] + b"\xff\xd9"


def second_scan() -> int:
    data = encoded(PICTURE, "JPEG", quality=90, progressive=True)
    return data.find(b"\xff\xda", data.find(b"\xff\xda") + 2)


def tiff(changed: dict[int, int], **options: object) -> bytearray:
    """A TIFF of 10 rows with other values of these tags."""
    data = encoded(SHORT, "TIFF", **options)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from("<HH", data, place)
        if tag in changed:
            struct.pack_into("<H" if kind == 3 else "<I", data, place + 8, changed[tag])
    return data


LENGTH, PER_STRIP = 257, 278
ENDED_EARLY = {
    "grey.png": png(SHORT.convert("L")),
    "colour.png": png(SHORT),
    "transparent.png": png(SHORT.convert("RGBA")),
    "interlaced.png": png(PICTURE, ADAM7[:5]),
    "baseline.jpg": jpeg(),
    "restarts.jpg": jpeg(restart_marker_blocks=1),
    "restart_rows.jpg": jpeg(restart_marker_rows=1),
    "progressive.jpg": jpeg(progressive=True),
    "cut.jpg": jpeg_until(900),
    "cut_late.jpg": jpeg_until(-12),
    "cut_in_scan.jpg": jpeg_until(second_scan() + 40, progressive=True),
    "scans.jpg": jpeg_until(second_scan(), progressive=True),
    "one_strip.tif": tiff({LENGTH: EDGE, PER_STRIP: EDGE}),
    "few_strips.tif": tiff({LENGTH: EDGE}),
    "jpeg.tif": tiff({LENGTH: EDGE, PER_STRIP: EDGE}, compression="jpeg"),
    **{
        f"{name}.tif": tiff({LENGTH: EDGE, PER_STRIP: EDGE}, compression=name)
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")
    },
    "text.ppm": b"P3\n48 48\n255\n" + b" ".join(b"%d" % value for value in np.asarray(SHORT).ravel()),
    "binary.ppm": bytes(encoded(SHORT, "PPM")).replace(b"48 10", b"48 48"),
}


@pytest.mark.parametrize("name", sorted(ENDED_EARLY))
def test_a_stream_that_ends_early_but_well_formed_is_refused(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(ENDED_EARLY[name])
    with pytest.raises(ImageError, match="expected a whole image, found a damaged one"):
        decode(path)
    assert capfd.readouterr() == ("", ""), "libtiff prints nothing"


WHOLE = {
    "a.png": {},
    "a.jpg": {},
    "b.jpg": {"quality": 95, "subsampling": 0, "optimize": True},
    "c.jpg": {"progressive": True},
    "d.jpg": {"restart_marker_blocks": 2},
    "a.gif": {},
    "a.bmp": {},
    "a.ppm": {},
    "a.tga": {"compression": "tga_rle"},
    "a.tif": {},
    "b.tif": {"compression": "jpeg"},
    "c.tif": {"compression": "tiff_lzw", "strip_size": 3 * EDGE * 8},
    "a.webp": {"lossless": True},
    "a.jp2": {},
    "a.avif": {},
}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_file_cut_anywhere_is_refused_or_gives_every_pixel(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    PICTURE.save(path, **WHOLE[name])
    data, pixels = path.read_bytes(), decode(path)
    with Image.open(path) as image:
        assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
    for length in [*range(1, len(data), 1 + len(data) // 30), *range(len(data) - 9, len(data))]:
        path.write_bytes(data[:length])
        try:
            found = decode(path)
        except ImageError:
            continue
        assert np.array_equal(found, pixels), f"{length} of {len(data)} bytes"


def test_a_whole_interlaced_png_and_an_animated_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(PICTURE, ADAM7))
    assert np.array_equal(decode(path), np.asarray(PICTURE))
    PICTURE.save(path, save_all=True, append_images=[SHORT.resize((EDGE, EDGE))])
    assert np.array_equal(decode(path), np.asarray(PICTURE))


@pytest.mark.parametrize("edges", [(1, 1), (1, 9), (9, 1), (5, 3), (17, 33)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "RGBA"])
def test_whole_pictures_of_any_shape_are_read(tmp_path: Path, edges: tuple[int, int], mode: str) -> None:
    image = PICTURE.resize(edges).convert(mode)
    for name in ("a.png", "a.jpg", "a.tif"):
        if (mode, name) in {("CMYK", "a.png"), ("RGBA", "a.jpg"), ("P", "a.jpg")}:
            continue
        image.save(tmp_path / name)
        assert decode(tmp_path / name).shape == (edges[1], edges[0], 3)


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    data = encoded(PICTURE, "JPEG", progressive=True)
    place = data.rfind(b"\xff\xda")
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:place] + data[place:-2] * 300 + b"\xff\xd9")
    with pytest.raises(ImageError, match="more than 200 scans"):
        decode(path)

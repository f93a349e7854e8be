"""Images of every readable format, and what chance or malice makes of their files."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from leukolab.images import IMAGE_SUFFIXES

Rng = np.random.Generator


@dataclass(frozen=True)
class Original:
    """A whole image file: format and mode, its ending, its bytes."""

    name: str
    suffix: str
    data: bytes


@dataclass(frozen=True)
class Mutant:
    """A damaged file: its original, what was done to it, its name, how it is written.

    `same_or_refused`: whoever reads it must find the pixels of the original or refuse it.
    """

    original: Original
    kind: str
    name: str
    write: Callable[[Path], None]
    same_or_refused: bool


_MODES: dict[str, tuple[str, ...]] = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "TIFF": ("RGB", "RGBA", "L", "P", "1", "I;16", "CMYK", "F"),
    "JPEG": ("RGB", "L", "CMYK"),
    "BMP": ("RGB", "L", "P", "1", "RGBA"),
    "DIB": ("RGB", "L"),
    "GIF": ("P", "L"),
    "PPM": ("RGB", "L", "1", "I;16"),
    "TGA": ("RGB", "RGBA", "L", "P"),
    "WEBP": ("RGB", "RGBA"),
    "JPEG2000": ("RGB", "L", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "PCX": ("RGB", "L", "P"),
}
_WAYS: dict[str, tuple[dict[str, object], ...]] = {
    "TIFF": ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {"compression": "packbits"},
             {"compression": "jpeg"}),
    "JPEG": ({}, {"progressive": True}, {"subsampling": 0, "quality": 95}),
    "WEBP": ({}, {"lossless": True}),
    "TGA": ({}, {"compression": "tga_rle"}),
    "PNG": ({}, {"save_all": True}),
    "GIF": ({}, {"save_all": True}),
}  # fmt: skip
_SUFFIX = {"TIFF": ".tif", "JPEG": ".jpg", "JPEG2000": ".jp2"}


@cache
def originals() -> tuple[Original, ...]:
    """One file of each format, mode and way of packing that this machine writes; the same each time."""
    Image.init()
    endings = Image.registered_extensions()
    formats = sorted({endings[suffix] for suffix in IMAGE_SUFFIXES if suffix in endings})
    found = []
    for kind in formats:
        for mode in _MODES.get(kind, ("RGB", "L")):
            for number, way in enumerate(_WAYS.get(kind, ({},))):
                data = _saved(_cell(mode), kind, way)
                if data:
                    suffix = _SUFFIX.get(kind, f".{kind.lower()}")
                    found.append(Original(f"{kind} {mode} {number}", suffix, data))
    return tuple(found)


def _cell(mode: str) -> Image.Image:
    """A round cell of 40 x 48 pixels with some grain."""
    rows, columns = np.mgrid[0:48, 0:40]
    inside = (rows - 24) ** 2 + (columns - 20) ** 2 < 250
    grain = np.random.default_rng(3).integers(0, 40, (48, 40, 3))
    pixels = (grain + np.where(inside, 140, 60)[:, :, None] + np.array([0, 5, 30])).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray((np.asarray(image.convert("L")) / 255).astype(np.float32))
    if "A" in mode:
        image.putalpha(Image.fromarray(np.where(inside, 255, 90).astype(np.uint8)))
    return image.convert(mode)


def _saved(image: Image.Image, kind: str, way: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    more = {"append_images": [image.transpose(Image.Transpose.ROTATE_180)]} if way.get("save_all") else {}
    try:
        image.save(stream, kind, **way, **more)
    except (OSError, ValueError, KeyError, SystemError):
        return b""  # this mode or packing is not written by Pillow
    return stream.getvalue()


def mutant(rng: Rng) -> Mutant:
    """One file, drawn."""
    pool = originals()
    original = pool[rng.integers(len(pool))]
    names, weights = list(KINDS), np.array([KINDS[name][1] for name in KINDS], float)
    kind = names[rng.choice(len(names), p=weights / weights.sum())]
    made = KINDS[kind][0](rng, original)
    write = made if callable(made) else _writer(made)
    return Mutant(original, kind, _name(rng, original), write, kind in SAME_OR_REFUSED)


def _writer(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def _name(rng: Rng, original: Original) -> str:
    """Mostly a plain name with the true ending."""
    stems = ("cell",) * 12 + (
        "$(touch OWNED)",
        "-rf",
        "=1+1",
        "a\x1b[31mred",
        "new\nline",
        "\u202ecell",
        "x" * 200,
        "'\";",
    )
    endings = (original.suffix,) * 12 + tuple(sorted(IMAGE_SUFFIXES))
    return stems[rng.integers(len(stems))] + endings[rng.integers(len(endings))]


def _cut(rng: Rng, original: Original) -> bytes:
    return original.data[: rng.integers(len(original.data))]


def _cut_little(rng: Rng, original: Original) -> bytes:
    return original.data[: -int(rng.integers(1, 24))]


def _flip(rng: Rng, original: Original) -> bytes:
    data = bytearray(original.data)
    for at in rng.integers(len(data), size=rng.integers(1, 20)):
        data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _head(rng: Rng, original: Original) -> bytes:
    data = bytearray(original.data)
    for at in rng.integers(min(64, len(data)), size=rng.integers(1, 6)):
        data[at] = (0, 255, 127, 128, int(rng.integers(256)))[rng.integers(5)]
    return bytes(data)


def _overwrite(rng: Rng, original: Original) -> bytes:
    data = bytearray(original.data)
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    span = data[at : at + length]
    data[at : at + length] = (bytes(len(span)), b"\xff" * len(span), rng.bytes(len(span)))[rng.integers(3)]
    return bytes(data)


def _remove(rng: Rng, original: Original) -> bytes:
    at = int(rng.integers(len(original.data)))
    return original.data[:at] + original.data[at + int(rng.integers(1, 200)) :]


def _insert(rng: Rng, original: Original) -> bytes:
    at = int(rng.integers(len(original.data)))
    return original.data[:at] + rng.bytes(int(rng.integers(1, 200))) + original.data[at:]


def _repeat(rng: Rng, original: Original) -> bytes:
    at, end = sorted(int(one) for one in rng.integers(len(original.data), size=2))
    return original.data[:end] + original.data[at:]


def _join(rng: Rng, original: Original) -> bytes:
    other = originals()[rng.integers(len(originals()))].data
    return original.data[: rng.integers(len(original.data))] + other[rng.integers(len(other)) :]


def _numbers(rng: Rng, original: Original) -> bytes:
    """A number of two or four bytes near the head becomes a large one: sizes, offsets, counts."""
    data = bytearray(original.data)
    length, order = (2, 4)[rng.integers(2)], "<>"[rng.integers(2)]
    at = int(rng.integers(max(1, min(200, len(data)) - length)))
    value = (0, 1, 2 ** (8 * length) - 1, 2 ** (8 * length - 1), 9400, 65_000)[rng.integers(6)]
    data[at : at + length] = struct.pack(order + ("H" if length == 2 else "I"), value % 2 ** (8 * length))
    return bytes(data)


def _rows(rng: Rng, original: Original) -> bytes:
    """A PNG whose stream is closed and proved, but holds fewer rows than its head says."""
    rows, edge = int(rng.integers(48)), 40
    raw = b"".join(b"\0" + bytes(rng.integers(256, size=3 * edge, dtype=np.uint8)) for _ in range(rows))
    return png((edge, 48), 8, 2, zlib.compress(raw))


def _chunk(rng: Rng, original: Original) -> bytes:
    """A PNG with a chunk of chance, its checksum right."""
    kinds = (b"tRNS", b"PLTE", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"sBIT", b"pHYs", b"IHDR")
    body = (rng.bytes(int(rng.integers(300))), b"k\0\0" + zlib.compress(bytes(40_000_000)))[int(rng.random() < 0.05)]
    raw = zlib.compress(b"".join(b"\0" + rng.bytes(120) for _ in range(48)))
    return png((40, 48), 8, 2, raw, (kinds[rng.integers(len(kinds))], body))


def _large(rng: Rng, original: Original) -> bytes:
    """A small PNG of very many pixels, wide ones among them."""
    edge, (depth, colour, width) = (
        int(rng.integers(2000, 9420)),
        ((16, 0, 2), (16, 2, 6), (8, 2, 3), (16, 6, 8))[rng.integers(4)],
    )
    packer = zlib.compressobj(1)
    row = b"\0" + bytes(edge * width)
    return png((edge, edge), depth, colour, b"".join([*(packer.compress(row) for _ in range(edge)), packer.flush()]))


def png(size: tuple[int, int], depth: int, colour: int, stream: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG file of these chunks."""
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), *more, (b"IDAT", stream), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch OWNED",)


_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 48\n(OWNED) (w) file closefile\nshowpage\n%%EOF\n"
_FOREIGN = (
    _POSTSCRIPT,
    b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF",
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"<html><script>alert(1)</script></html>",
    b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + b" " * 50,
    b"SIMPLE  =                    T" + b" " * 2850,
    b"PK\x03\x04" + bytes(60),
    b"\x7fELF" + bytes(60),
    b"#!/bin/sh\ntouch OWNED\n",
    b"/* XPM */\nstatic char *x[] = {\"1 1 1 1\", \"a c #000000\", \"a\"};",
    b"P6 99999999 99999999 255\n",
    b"P5 1 99999999999999999999999 255\n",
    b"P3 2 2 255\n1 2",
    b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(3 * 2),
    b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
    b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9",
    b"",
    b"\0" * 10_000,
    b"\xff" * 10_000,
    pickle.dumps(_Runs(), protocol=2),
)  # fmt: skip


def _foreign(rng: Rng, original: Original) -> bytes:
    return _FOREIGN[rng.integers(len(_FOREIGN))]


def _special(rng: Rng, original: Original) -> Callable[[Path], None]:
    """No file at all: a pipe, a folder, a device, a loop."""
    ways: tuple[Callable[[Path], None], ...] = (
        os.mkfifo,
        Path.mkdir,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/dev/random"),
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("/proc/self/mem"),
        lambda path: path.symlink_to("absent"),
    )
    return ways[rng.integers(len(ways))]


Change = Callable[[Rng, Original], "bytes | Callable[[Path], None]"]
KINDS: dict[str, tuple[Change, int]] = {
    "cut": (_cut, 14), "cut little": (_cut_little, 8), "flip": (_flip, 18), "head": (_head, 14),
    "overwrite": (_overwrite, 10), "remove": (_remove, 6), "insert": (_insert, 6), "repeat": (_repeat, 4),
    "join": (_join, 4), "numbers": (_numbers, 18), "rows": (_rows, 3), "chunk": (_chunk, 6), "foreign": (_foreign, 8),
    "special": (_special, 4), "large": (_large, 1),
}  # fmt: skip
"""What is done to files, and how often."""
SAME_OR_REFUSED = frozenset({"cut", "cut little", "rows", "foreign", "special"})
"""Kinds after which the pixels of the original, or none, are found."""

"""Proof that a file holds all its pixels: Pillow fills what a stream that ends early lacks, with black or grey.

Where that cannot happen (BMP, GIF, PPM, TGA, WebP, AVIF, other compressions of TIFF), decoding fails by itself.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageChops
from PIL.TiffImagePlugin import TiffImageFile

MOST_SCANS = 200
"""Scans of a progressive JPEG that are decoded; usual are 10, and each costs a pass over the whole picture."""

_PIECE = 1 << 16
_PADDING = bytes((181 + 37 * n) % 255 for n in range(64))
"""Bytes without a marker; they begin with a one, where a decoder reads noughts on behind an end."""
_STRIP_ROWS = 256
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_RESTARTS = range(0xD0, 0xD8)
_ENTROPY_END, _SCAN = 0xD9, 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, _TABLES, _PLANAR, _BITS = 273, 279, 324, 325, 347, 284, 258
"""Tags of TIFF."""
_APART = 2
"""Planar configuration of one plane per channel."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def check_whole(stream: BinaryIO, image: Image.Image) -> None:
    """Check that `stream`, from which `image` was opened but not loaded yet, holds all pixels; a JPEG is loaded.

    Raises:
        ValueError: it does not; the text says what is missing.
    """
    place = stream.tell()
    try:
        if image.format == "PNG":
            _check_png(stream)
        elif image.format in ("JPEG", "MPO"):
            stream.seek(0)
            _check_jpeg(stream.read(), image)
        elif isinstance(image, TiffImageFile):
            _check_tiff(stream, image)
    finally:
        stream.seek(place)


def _check_png(stream: BinaryIO) -> None:
    """The data of the first frame, unpacked, are as long as its head says."""
    stream.seek(8)
    expected, found, unpack = 0, 0, zlib.decompressobj()
    while len(head := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"IHDR":
            expected = _png_bytes(stream.read(length))
        elif name == b"IDAT":
            for piece in _pieces(stream, length):
                found += _unpacked(unpack, piece, expected - found)
        elif found:
            break
        else:
            stream.seek(length, io.SEEK_CUR)
        stream.seek(4, io.SEEK_CUR)
    if found < expected:
        raise ValueError(f"its data end after {found:,} of {expected:,} bytes")


def _pieces(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := stream.read(min(length, _PIECE))):
        length -= len(piece)
        yield piece


def _unpacked(unpack: zlib._Decompress, piece: bytes, most: int) -> int:
    """How many bytes, at most `most`, come out of a piece; few of them are held at once."""
    found = 0
    while piece and found < most and not unpack.eof:
        found += len(unpack.decompress(piece, _PIECE))
        piece = unpack.unconsumed_tail
    return found


def _png_bytes(head: bytes) -> int:
    """Length of the unpacked rows, each with a byte for its filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes)
    return sum(rows * (1 + -(-columns * depth * _CHANNELS[colour] // 8)) for columns, rows in sizes if columns > 0)


@dataclass
class _Scans:
    """What a JPEG's scans held so far."""

    components: int = 0
    exact: dict[int, set[int]] | None = None
    """Component to the coefficients whose last bit was read."""
    count: int = 0

    def add(self, head: bytes) -> None:
        """Note a scan by its head."""
        self.count += 1
        if self.count > MOST_SCANS:
            raise ValueError(f"it has more than {MOST_SCANS} scans")
        number = head[0]
        first, last, bits = head[1 + 2 * number], head[2 + 2 * number], head[3 + 2 * number] & 15
        for component in head[1 : 1 + 2 * number : 2] if bits == 0 else b"":
            self.exact = self.exact or {}
            self.exact.setdefault(component, set()).update(range(first, last + 1))

    @property
    def complete(self) -> bool:
        """Whether every coefficient of every component was read to its last bit."""
        found = self.exact or {}
        return len(found) == self.components and all(len(which) == 64 for which in found.values())


def _check_jpeg(data: bytes, image: Image.Image) -> None:
    """Decoded with bytes put in where each scan ends, `image` is the same: nothing read on past an end."""
    with Image.open(io.BytesIO(_padded(data)), formats=["JPEG"]) as padded:
        for top in range(0, image.height, _STRIP_ROWS):
            box = (0, top, image.width, min(image.height, top + _STRIP_ROWS))
            if ImageChops.difference(image.crop(box), padded.crop(box)).getbbox(alpha_only=False) is not None:
                raise ValueError("its data end before its last row")


def _padded(data: bytes) -> bytes:
    """The first picture of a JPEG with bytes that mean nothing before each marker within and behind its scans.

    Raises:
        ValueError: a scan, an interval or the end is missing; or it is coded in a way that is not read.
    """
    pieces, scans, place = [data[:2]], _Scans(), 2
    while (found := _MARKER.search(data, place)) is not None:
        marker, body = found[1][0], found.end()
        if marker == _ENTROPY_END:
            if not scans.complete:
                raise ValueError("scans are missing")
            return b"".join([*pieces, data[found.start() :]])
        if marker in _OTHER_FRAMES:
            raise ValueError("a JPEG of a rare kind")
        end = body + int.from_bytes(data[body : body + 2], "big")
        if marker in _FRAMES:
            scans.components = data[body + 7]
        if marker == _SCAN:
            scans.add(data[body + 2 : end])
            rows, next_place = _padded_scan(data, end)
            pieces += [data[found.start() : end], rows]
            place = next_place
        else:
            pieces.append(data[found.start() : end])
            place = end
    raise ValueError("its end is missing")


def _padded_scan(data: bytes, start: int) -> tuple[bytes, int]:
    """The scan's data with padding, and where the marker behind them begins.

    Behind the last interval more of them follow, numbered on, for a scan that ends early to read.
    """
    pieces, number = [], -1
    while (found := _MARKER.search(data, start)) is not None:
        pieces += [data[start : found.start()], _PADDING]
        if found[1][0] not in _RESTARTS:
            more = (bytes([0xFF, 0xD0 + (number + n) % 8]) + _PADDING for n in range(1, 9))
            return b"".join([*pieces, *more]), found.start()
        if found[1][0] - 0xD0 != (number + 1) % 8:
            raise ValueError("an interval of a scan is missing")
        number += 1
        pieces.append(data[found.start() : found.end()])
        start = found.end()
    raise ValueError("its end is missing")


def _check_tiff(stream: BinaryIO, image: TiffImageFile) -> None:
    """Its strips or tiles cover the picture; those that are JPEG are whole. libtiff refuses other short ones."""
    tags = image.tag_v2
    planes = len(image.getbands()) if tags.get(_PLANAR) == _APART else 1
    area = image.width * image.height * planes
    counts = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or ()
    compression = image.info["compression"]
    if compression == "jpeg":
        offsets = tags.get(_STRIPS) or tags.get(_TILES) or ()
        found = sum(_tiff_jpeg(stream, tags.get(_TABLES, b""), *place) for place in zip(offsets, counts, strict=False))
    elif compression == "raw":
        found = sum(
            (right - left) * (low - top) for _, box, *_ in image.tile for left, top, right, low in [box or (0, 0, 0, 0)]
        )
        bits = sum(tags.get(_BITS, (1,))) // planes
        if 0 < 8 * sum(counts) < area * bits:
            raise ValueError(f"its data end after {sum(counts):,} of {area * bits // 8:,} bytes")
    else:
        return
    if found < area:
        raise ValueError(f"its data end after {found:,} of {area:,} pixels")


def _tiff_jpeg(stream: BinaryIO, tables: bytes, offset: int, count: int) -> int:
    """Pixels of a strip or tile that is JPEG, seen to be whole."""
    stream.seek(offset)
    data = stream.read(count)
    data = tables[:-2] + data[2:] if tables else data
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as piece:
        _check_jpeg(data, piece)
        return piece.width * piece.height

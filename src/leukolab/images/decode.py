"""One image file to uint8 RGB: every layout met, limits before decoding, one sentence when it fails."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from leukolab.base.errors import ImageError
from leukolab.base.regular import open_regular
from leukolab.images.budget import OTHERS_PER_PIXEL, bytes_per_pixel, take
from leukolab.images.formats import FORMATS, readable
from leukolab.images.whole import check_whole

Pixels = NDArray[np.uint8]

MAX_PIXELS = 89_000_000
"""Largest width times height that is decoded: 267 MB of RGB."""
MAX_BYTES = MAX_PIXELS * OTHERS_PER_PIXEL
"""Most that an image takes while it is decoded, 1.4 GB: fewer pixels in formats that take more for each."""

_STRIP_PIXELS = 1 << 20
_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})
_lock = threading.Lock()
_decoding = 0
_saved = contextlib.ExitStack()


def decode(path: Path, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Pixels of a file: upright by EXIF, first frame, transparency on black, 16 bits scaled to 8.

    Args:
        path: a regular file in one of `FORMATS`, whatever its ending.
        max_pixels: width times height that is still decoded; looked at before decoding.

    Returns:
        uint8 (h, w, 3), RGB.

    Raises:
        ImageError: the file is missing, empty, no image, of a format not listed, damaged, cut short or too large.
    """
    with _opened(path, max_pixels) as (stream, image):
        take(image.width * image.height * bytes_per_pixel(image.format))
        check_whole(stream, image)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _grey(image, path) if _is_deep(image) else _rgb(image)


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height in pixels as `decode` gives them, from the file's head alone.

    Raises:
        ImageError: the file is missing, empty, no image or too large.
    """
    with _opened(path, max_pixels) as (_, image):
        width, height = image.size
        return (height, width) if image.getexif().get(_ORIENTATION) in _TURNED else (width, height)


def pixel_digest(array: Pixels) -> str:
    """SHA-256 of the shape, written `h,w,c`, and the bytes; two files with the same pixels have the same."""
    hasher = hashlib.sha256(",".join(str(length) for length in array.shape).encode())
    hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()


@contextlib.contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[tuple[BinaryIO, Image.Image]]:
    try:
        with open_regular(path) as stream:
            if os.fstat(stream.fileno()).st_size == 0:
                raise ImageError(f"{path}: expected an image, found an empty file. Copy or download it again.")
            with _quiet(), Image.open(stream, formats=readable()) as image:
                _check_size(path, image.size, min(max_pixels, MAX_BYTES // bytes_per_pixel(image.format)))
                yield stream, image
    except ImageError:
        raise
    except Exception as error:  # a damaged file raises nearly anything from the depths of a decoder
        raise ImageError(_sentence(path, error, max_pixels)) from error


def _check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: expected at most {max_pixels:,} pixels, found {width:,} x {height:,}. "
            "Cut or shrink the image before using it."
        )


def _sentence(path: Path, error: Exception, max_pixels: int) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: expected an image here, found no file."
    if isinstance(error, PermissionError):
        return f"{path}: expected an image that may be read, found no permission to read it."
    if isinstance(error, IsADirectoryError):
        return f"{path}: expected an image, found a folder."
    if isinstance(error, UnidentifiedImageError):
        return (
            f"{path}: expected an image ({', '.join(FORMATS)}), found a file of another kind. "
            "Remove it, or save it as PNG or TIFF."
        )
    if isinstance(error, OSError) and error.errno == errno.EINVAL:
        return f"{path}: expected an image, found a pipe, socket or device. Remove it."
    if isinstance(error, OSError) and error.errno is not None:
        return f"{path}: expected an image that can be opened, found none ({error.strerror})."
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return (
            f"{path}: expected at most {max_pixels:,} pixels, found far more. Cut or shrink the image before using it."
        )
    if isinstance(error, MemoryError):
        return f"{path}: expected an image that fits into memory, found one that does not. Shrink it before using it."
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{path}: expected a whole image, found a damaged one ({detail}). Copy or download it again."


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's warnings off while any thread decodes; its warning of a bomb is an error.

    `warnings.catch_warnings` is not safe between threads, so the first one in sets and the last one out restores.
    """
    global _decoding
    with _lock:
        if _decoding == 0:
            _saved.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        _decoding += 1
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            if _decoding == 0:
                _saved.close()


def _is_deep(image: Image.Image) -> bool:
    """Whether it is grey of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """The picture in strips of rows, so that working copies stay small; an ordinary one is one strip."""
    rows = max(1, _STRIP_PIXELS // image.width)
    if rows >= image.height:
        yield slice(0, image.height), image
        return
    for top in range(0, image.height, rows):
        low = min(image.height, top + rows)
        yield slice(top, low), image.crop((0, top, image.width, low))


def _rgb(image: Image.Image) -> Pixels:
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for rows, strip in _strips(image):
        pixels[rows] = np.asarray(_on_black(strip))
    return pixels


def _on_black(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(image: Image.Image, path: Path) -> Pixels:
    """Grey of more than 8 bits to 8: whole numbers by 65,535, fractions by 1 (or 255 where some pass 1)."""
    ranges = [(float(values.min()), float(values.max())) for _, values in _values(image)]
    low, high = (float(number) for number in (np.min(ranges), np.max(ranges)))
    full = 65_535.0 if image.mode != "F" else (1.0 if high <= 1 else 255.0)
    if not (np.isfinite(low) and np.isfinite(high) and low >= 0 and high <= full):
        raise ImageError(
            f"{path}: expected grey values from 0 to {full:,.0f}, found {low:g} to {high:g}. Save it with 8 or 16 bits."
        )
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for rows, values in _values(image):
        pixels[rows] = np.rint(values.astype(np.float64) * (255.0 / full)).astype(np.uint8)[:, :, None]
    return pixels


def _values(image: Image.Image) -> Iterator[tuple[slice, NDArray[np.generic]]]:
    return ((rows, np.asarray(strip)) for rows, strip in _strips(image))

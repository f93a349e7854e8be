"""One image file to uint8 RGB: every layout met, limits before decoding, one sentence when it fails."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from leukolab.base.errors import ImageError

Pixels = NDArray[np.uint8]

LOSSY_SUFFIXES = frozenset({".avif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx"})
"""Endings, in lower case, of kinds that may change pixels when they are saved; WebP does either."""
IMAGE_SUFFIXES = LOSSY_SUFFIXES | {
    ".apng", ".bmp", ".dib", ".gif", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
"""Endings, in lower case, of files that are looked at as images: the raster pictures that Pillow reads."""

MAX_PIXELS = 89_000_000
"""Largest width times height that is decoded: 267 MB of RGB, just under Pillow's own limit."""

_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})
_lock = threading.Lock()
_decoding = 0
_saved = contextlib.ExitStack()


def decode(path: Path, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Pixels of a file: upright by EXIF, first frame, transparency on black, 16 bits scaled to 8.

    Args:
        path: a file in any layout that Pillow knows.
        max_pixels: width times height that is still decoded; looked at before decoding.

    Returns:
        uint8 (h, w, 3), RGB.

    Raises:
        ImageError: the file is missing, empty, no image, damaged or too large.
    """
    with _opened(path, max_pixels) as image:
        image.load()
        return _rgb(ImageOps.exif_transpose(image), path)


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height in pixels as `decode` gives them, from the file's head alone.

    Raises:
        ImageError: the file is missing, empty, no image or too large.
    """
    with _opened(path, max_pixels) as image:
        width, height = image.size
        return (height, width) if image.getexif().get(_ORIENTATION) in _TURNED else (width, height)


def pixel_digest(array: Pixels) -> str:
    """SHA-256 of the shape, written `h,w,c`, and the bytes; two files with the same pixels have the same."""
    head = ",".join(str(length) for length in array.shape).encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


@contextlib.contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{path}: expected an image, found an empty file. Copy or download it again.")
        with _quiet(), Image.open(path) as image:
            _check_size(path, image.size, max_pixels)
            yield image
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
        return f"{path}: expected an image, found a file of another kind. Remove it or give it its true ending."
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


def _rgb(image: Image.Image, path: Path) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(np.asarray(image), path)
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _scaled(values: NDArray[np.generic], path: Path) -> Pixels:
    """Grey of more than 8 bits to 8: whole numbers by 65,535, fractions by 1 (or 255 where some pass 1)."""
    grey = values.astype(np.float64)
    low, high = float(grey.min()), float(grey.max())
    whole = np.issubdtype(values.dtype, np.integer)
    full = 65_535.0 if whole else (1.0 if high <= 1 else 255.0)
    if not (np.isfinite(low) and np.isfinite(high) and low >= 0 and high <= full):
        raise ImageError(
            f"{path}: expected grey values from 0 to {full:,.0f}, found {low:g} to {high:g}. Save it with 8 or 16 bits."
        )
    grey8 = np.rint(grey * (255.0 / full)).astype(np.uint8)
    return np.repeat(grey8[:, :, None], 3, axis=2)

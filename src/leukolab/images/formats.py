"""Formats of images that are read, and their endings: the one list. Nothing else is handed to a decoder."""

from __future__ import annotations

import contextlib
import ctypes
import logging
from functools import cache

from PIL import Image, _imaging

_LOSSY: dict[str, frozenset[str]] = {
    "AVIF": frozenset({".avif"}),
    "JPEG": frozenset({".jfif", ".jpe", ".jpeg", ".jpg"}),
    "JPEG2000": frozenset({".j2k", ".jp2", ".jpf", ".jpx"}),
}
FORMATS: dict[str, frozenset[str]] = _LOSSY | {
    "BMP": frozenset({".bmp"}),
    "DIB": frozenset({".dib"}),
    "GIF": frozenset({".gif"}),
    "PNG": frozenset({".apng", ".png"}),
    "PPM": frozenset({".pbm", ".pgm", ".pnm", ".ppm"}),
    "TGA": frozenset({".tga"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "WEBP": frozenset({".webp"}),
}
"""Each format by Pillow's name, and its endings in lower case. All are decoded inside this process.

Not listed: formats that start another program (EPS runs Ghostscript), drawings, and PCX, whose palette lies behind
its pixels, so that a file cut short looks whole.
"""
LOSSY_SUFFIXES = frozenset().union(*_LOSSY.values())
"""Endings, in lower case, of kinds that may change pixels when they are saved; WebP does either."""
IMAGE_SUFFIXES = frozenset().union(*FORMATS.values())
"""Endings, in lower case, of files that are looked at as images."""


@cache
def readable() -> tuple[str, ...]:
    """Those of `FORMATS` that Pillow on this machine reads; the first call also keeps it and libtiff from printing."""
    Image.init()
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what it logs of a damaged file is printed
    _silence_libtiff()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _silence_libtiff() -> None:
    """What libtiff says of a damaged file comes as an exception too; by itself it prints to the terminal."""
    with contextlib.suppress(OSError, AttributeError):  # where libtiff is built in, as on Windows, it keeps its voice
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            set_handler = getattr(library, name)
            set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            set_handler(None)

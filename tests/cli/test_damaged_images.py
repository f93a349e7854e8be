"""What libraries would print of damaged images never reaches the terminal, whichever command reads them."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukolab.cards.draw import draw_data_set

RAW = ("More samples", "LZWDecode", "ZIPDecode", "PackBitsDecode", "JPEGLib", "TIFFF", "TIFFR", "TIFFA", "Warning")
"""Words of libtiff and Pillow about these files."""
COMMANDS = {
    "explore": ("data", "explore", "folder", "cells", "--out", "page.html"),
    "verify": ("data", "verify", "folder", "cells"),
    "audit": ("data", "audit", "folder", "cells", "--out", "audit"),
    "study": ("study", "run", "classify", "--data", "cells", "--out", "run", "--dry-run", "--set", "data.positive=all"),
}


def tags_of(data: bytearray) -> dict[int, int]:
    """Number of each tag of the first directory, and where its value stands."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", data, entry)[0]: entry + 8 for entry in entries}


def damaged(path: Path, compression: str | None, tag: int, value: int) -> None:
    """A TIFF whose one tag holds another value, its middle overwritten."""
    noise = np.random.default_rng(7).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compression=compression)
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, tags_of(data)[tag], value)
    data[100:140] = bytes(40)
    path.write_bytes(data)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cells`: 24 whole images, and five TIFF files of which libtiff and Pillow complain."""
    place = tmp_path_factory.mktemp("damaged")
    cells = draw_data_set(place / "cells", "two_class", 8, 3, 48, 7)
    for extra in ("phantom.json", "truth.csv"):
        (cells / extra).unlink()
    spoilt = (
        ("tiff_lzw", 278, 48), ("tiff_adobe_deflate", 278, 48), (None, 277, 2051),
        ("packbits", 257, 90), ("jpeg", 262, 6),
    )  # fmt: skip
    for number, (compression, tag, value) in enumerate(spoilt):
        damaged(cells / "normal" / f"S00{number}_9.tif", compression, tag, value)
    return place


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_a_library_reaches_the_terminal(name: str, place: Path) -> None:
    command = [sys.executable, "-m", "leukolab", "--home", "home", *COMMANDS[name]]
    found = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    raw = [line for line in found.stderr.splitlines() if any(word in line for word in RAW)]
    assert raw == [], found.stderr
    assert "Traceback" not in found.stderr
    pages = {"explore": place / "page.html", "audit": place / "audit" / "findings.json"}
    told = pages[name].read_text(encoding="utf-8") if name in pages else found.stdout + found.stderr
    assert "S001_9.tif" in told, "the damaged ones are named"

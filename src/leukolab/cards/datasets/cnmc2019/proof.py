"""C-NMC 2019 proved from its bytes, or from its pixels where it was saved again without loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leukolab.base.errors import ImageError
from leukolab.base.keys import file_digest
from leukolab.cards.card import HIDDEN
from leukolab.cards.datasets.cnmc2019.card import CARD
from leukolab.cards.datasets.cnmc2019.layout import Cells, cells_below, fits, official_files, true_names
from leukolab.cards.datasets.cnmc2019.official import EDGE_PX, official_sha256
from leukolab.cards.index import image_id
from leukolab.cards.verdict import Count, VerifyResult, count_classes
from leukolab.images import decode, map_files
from leukolab.images.decode import Pixels
from leukolab.images.formats import LOSSY_SUFFIXES
from leukolab.spec import DataSpec

Kind = Literal["proved", "altered", "unproved", "unreadable"]


@dataclass(frozen=True)
class _File:
    path: Path
    name: str
    """Relative to the root."""
    key: tuple[str, str]
    """Part and official name without ending."""
    official: str | None
    """SHA-256 of the official file of this name; None where the official data set has no such file."""


def verify(root: Path, spec: DataSpec) -> VerifyResult:
    """Judge every file below `root` against the official list; in threads, with a progress bar.

    Raises:
        DataError: the labels file lacks its columns.
    """
    cells, official = cells_below(root), official_files()
    files = _files(root, cells, {key: digest for key, (_, digest) in official.items()})
    known = [file for file in files if file.official is not None]
    lists: dict[Kind, list[str]] = {"proved": [], "altered": [], "unproved": [], "unreadable": []}
    for kind, what in map_files(_judge, known, "Proving images"):
        lists[kind].append(what)
    there = {file.key for file in files}
    extra = [file.name for file in files if file.official is None]
    extra += [image_id(root, path) for path in cells.strange]
    return VerifyResult(
        card=CARD,
        root=root,
        counts=_counts(cells, known),
        missing=tuple(path for key, (path, _) in official.items() if key not in there),
        extra=tuple(sorted(extra)),
        altered=tuple(lists["altered"]),
        unreadable=tuple(lists["unreadable"]),
        proved=tuple(lists["proved"]),
        unproved=tuple(lists["unproved"]),
    )


def _files(root: Path, cells: Cells, official: dict[tuple[str, str], str]) -> list[_File]:
    found = [(cell.path, (cell.part, cell.name)) for cell in cells.files]
    if cells.labels is not None:
        found.append((cells.labels, next((key for key in official if key[0] == "labels"), ("labels", ""))))
    return [_File(path, image_id(root, path), key, official.get(key)) for path, key in found]


def _judge(file: _File) -> tuple[Kind, str]:
    """Which list a file belongs to, and what to write there."""
    try:
        if file.path.suffix.lower() in (".bmp", ".csv") and file_digest(file.path) == file.official:
            return "proved", file.name
        if file.key[0] == "labels":
            return "altered", file.name
        pixels = decode(file.path)
    except (ImageError, OSError) as error:
        return "unreadable", str(error)
    if official_sha256(pixels, file.key[0]) == file.official:
        return "proved", file.name
    return ("unproved" if _cannot_tell(file, pixels) else "altered"), file.name


def _cannot_tell(file: _File, pixels: Pixels) -> bool:
    """Whether other pixels prove nothing: the copy is lossy, or the official head of its part is unknown."""
    if file.key[0] == "final":
        return file.path.suffix.lower() != ".bmp"
    return pixels.shape == (EDGE_PX, EDGE_PX, 3) and _is_lossy(file.path)


def _is_lossy(path: Path) -> bool:
    """Whether pixels changed when the file was saved: JPEG and its like, or a WebP without a lossless chunk."""
    if path.suffix.lower() in LOSSY_SUFFIXES:
        return True
    if path.suffix.lower() != ".webp":
        return False
    with path.open("rb") as stream:
        return b"VP8L" not in stream.read(4096)


def _counts(cells: Cells, known: list[_File]) -> tuple[Count, ...]:
    labels = true_names(cells.labels) if cells.labels is not None and fits(cells.labels) else {}
    classes = []
    for file in known:
        part, name = file.key
        if part == "training":
            classes.append((part, name.rpartition("_")[2]))
        elif part != "labels":
            classes.append((part, labels.get(name, ("", HIDDEN))[1]))
    return count_classes(CARD.counts, classes)

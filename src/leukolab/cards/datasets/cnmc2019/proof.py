"""C-NMC 2019 proved from its bytes, or from its pixels where it was saved again without loss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leukolab.base.errors import ImageError
from leukolab.base.keys import file_digest
from leukolab.cards.card import HIDDEN
from leukolab.cards.datasets.cnmc2019.card import CARD, FOLDERS, LABELS_FILE
from leukolab.cards.datasets.cnmc2019.official import EDGE_PX, official_digests, official_sha256
from leukolab.cards.datasets.cnmc2019.reader import preliminary_labels
from leukolab.cards.index import image_id
from leukolab.cards.listing import image_files
from leukolab.cards.verdict import Count, VerifyResult, count_classes
from leukolab.images import decode, map_files
from leukolab.images.decode import Pixels

Kind = Literal["proved", "altered", "unproved", "unreadable"]


@dataclass(frozen=True)
class _File:
    path: Path
    name: str
    """Relative to the root."""
    part: str
    official: str | None
    """SHA-256 of the official file of this name; None where the official data set has no such file."""


def verify(root: Path) -> VerifyResult:
    """Judge every file below `root` against the official list; in threads, with a progress bar.

    Raises:
        DataError: the labels file lacks its columns.
    """
    official = official_digests()
    files = list(_files(root, {_stem(path): digest for path, digest in official.items()}))
    known = [file for file in files if file.official is not None]
    lists: dict[Kind, list[str]] = {"proved": [], "altered": [], "unproved": [], "unreadable": []}
    for kind, what in map_files(_judge, known, "Proving images"):
        lists[kind].append(what)
    stems = {_stem(file.name) for file in files}
    return VerifyResult(
        card=CARD,
        root=root,
        counts=_counts(root, known),
        missing=tuple(path for path in official if _stem(path) not in stems),
        extra=tuple(file.name for file in files if file.official is None),
        altered=tuple(lists["altered"]),
        unreadable=tuple(lists["unreadable"]),
        proved=tuple(lists["proved"]),
        unproved=tuple(lists["unproved"]),
    )


def _files(root: Path, official: dict[str, str]) -> list[_File]:
    found = [(part, path) for part, folder in FOLDERS.items() for path in image_files(root / folder)]
    labels = root / LABELS_FILE
    found += [("labels", labels)] if labels.is_file() else []
    named = [(part, path, image_id(root, path)) for part, path in found]
    return [_File(path, name, part, official.get(_stem(name))) for part, path, name in named]


def _judge(file: _File) -> tuple[Kind, str]:
    """Which list a file belongs to, and what to write there."""
    try:
        if file.path.suffix.lower() in (".bmp", ".csv") and file_digest(file.path) == file.official:
            return "proved", file.name
        if file.part == "labels":
            return "altered", file.name
        pixels = decode(file.path)
    except (ImageError, OSError) as error:
        return "unreadable", str(error)
    if official_sha256(pixels, file.part) == file.official:
        return "proved", file.name
    return ("unproved" if _cannot_tell(file, pixels) else "altered"), file.name


def _cannot_tell(file: _File, pixels: Pixels) -> bool:
    """Whether other pixels prove nothing: the copy is lossy, or the official head of its part is unknown."""
    if file.part == "final":
        return file.path.suffix.lower() != ".bmp"
    return pixels.shape == (EDGE_PX, EDGE_PX, 3) and _is_lossy(file.path)


def _is_lossy(path: Path) -> bool:
    """Whether pixels changed when the file was saved: JPEG, or a WebP without a lossless chunk."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return True
    if path.suffix.lower() != ".webp":
        return False
    with path.open("rb") as stream:
        return b"VP8L" not in stream.read(4096)


def _counts(root: Path, known: list[_File]) -> tuple[Count, ...]:
    labels = preliminary_labels(root) if (root / LABELS_FILE).is_file() else {}
    classes = []
    for file in known:
        if file.part == "training":
            classes.append((file.part, file.path.parent.name))
        elif file.part != "labels":
            classes.append((file.part, labels.get(file.path.stem, ("", HIDDEN))[1]))
    return count_classes(CARD.counts, classes)


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]

"""Pack images into one memory-mapped array, addressed by content: each file is decoded once, then never again.

A store is a folder `pixels/<key>/` in the home folder: `pixels.npy`, `measures.parquet`, `manifest.json`.
The key hashes the bytes of the files, in order, and the geometry; never a path.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukolab.base import shelf
from leukolab.base.errors import ImageError, LeukolabError
from leukolab.base.files import make_folder, read_json, read_table, storage, whole_folder, write_json, write_table
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest, file_digest
from leukolab.base.pins import Lease
from leukolab.base.regular import open_regular
from leukolab.images.crops import cell_square
from leukolab.images.decode import Pixels, decode, pixel_digest
from leukolab.images.geometry import fit
from leukolab.images.parallel import map_files

NEWS = logging.getLogger(__name__)

STORE_VERSION = 1
"""Goes into the key: raised when the same files and geometry would give other pixels."""

DAMAGED = (LeukolabError, OSError, EOFError, ValueError, KeyError, TypeError, tokenize.TokenError)
"""What reading a damaged store may raise; the last, NumPy of the head of an array."""
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class PixelStore:
    """Packed images, in the order in which they were given, unreadable ones left out."""

    array: NDArray[np.uint8]
    """uint8 (n, size_px, size_px, 3), memory-mapped, read-only."""
    image_ids: tuple[str, ...]
    measures: pd.DataFrame
    """image_id, width, height (of the file, in pixels), pixel_digest (of the file at full resolution)."""
    key: str
    unreadable: tuple[tuple[str, str], ...] = ()
    """(image_id, sentence) of each image that could not be read."""
    lease: Lease | None = field(default=None, repr=False, compare=False)
    """Keeps the pixels from being evicted, by any process, as long as this store is in use."""

    def rows(self, image_ids: Sequence[str]) -> NDArray[np.int64]:
        """Rows of `array` that hold these images; int64 (len(image_ids),).

        Raises:
            ImageError: an image is not in the store.
        """
        found = pd.Index(self.image_ids).get_indexer(pd.Index(list(image_ids)))
        if (found < 0).any():
            first = list(image_ids)[int(np.argmax(found < 0))]
            raise ImageError(f"{first}: expected among the {len(self.image_ids):,} packed images, found nowhere.")
        return found.astype(np.int64)


@dataclass(frozen=True)
class _Packing:
    paths: tuple[Path, ...]
    image_ids: tuple[str, ...]
    digests: tuple[str, ...]
    size_px: int
    crop_px: int | None
    skip_unreadable: bool
    about_cell: bool


@dataclass(frozen=True)
class _Decoded:
    pixels: Pixels | None
    width: int
    height: int
    pixel_digest: str
    sentence: str


def pack(
    paths: Sequence[Path],
    image_ids: Sequence[str],
    size_px: int,
    crop_px: int | None,
    home: Home,
    skip_unreadable: bool = False,
    about_cell: bool = False,
) -> PixelStore:
    """Packed pixels of these files: opened where they are already there and whole, made otherwise.

    They stay in the home folder, however small it may be, as long as the store is in use.

    Args:
        paths: image files.
        image_ids: their names, as many, each once.
        size_px: edge of the square, see `geometry.fit`.
        crop_px: edge of the centred crop, or None.
        home: the home folder; the store is `home/pixels/<key>`.
        about_cell: cut about the cell, see `crops.cell_square`, and do not resize; `size_px` is the edge then.
        skip_unreadable: leave unreadable images out and list them in the store, instead of raising.

    Raises:
        ImageError: images cannot be read (all are tried; the first 5 are named), or there are none.
        StorageError: the home folder is full or may not be written.
    """
    if len(paths) != len(image_ids) or not paths:
        raise ImageError(f"expected at least one image and one name each, got {len(paths)} and {len(image_ids)}.")
    digests = tuple(map_files(_digest_or_reason, list(paths), "Reading files"))
    job = _Packing(tuple(paths), tuple(image_ids), digests, size_px, crop_px, skip_unreadable, about_cell)
    key = _key(digests, size_px, crop_px, about_cell)
    lease = Lease(home, [f"pixels/{key}"])
    return replace(_open_or_make(home, key, job), lease=lease)


def _open_or_make(home: Home, key: str, job: _Packing) -> PixelStore:
    folder = home / "pixels" / key
    store = _open(folder, key, job)
    NEWS.debug(f"{folder}: {len(job.paths):,} images, {'to be packed' if store is None else 'packed before'}")
    if store is None:
        with _alone(home, key):
            store = _open(folder, key, job)
            if store is None:
                _make(folder, job)
                shelf.keep_within(home, [folder])
                store = _open(folder, key, job)
    if store is None:
        raise ImageError(f"{folder}: expected the pixels just packed, found them damaged. Check this disk.")
    return store


def _key(digests: Sequence[str], size_px: int, crop_px: int | None, about_cell: bool) -> str:
    """Content key of a store, by the digests of its files and its geometry."""
    geometry: dict[str, object] = {"size_px": size_px, "crop_px": crop_px} | ({"about": "cell"} if about_cell else {})
    return content_key("pixels", STORE_VERSION, {"files": digest(list(digests))}, geometry)


def open_store(home: Home, key: str, image_ids: Sequence[str]) -> PixelStore:
    """Packed pixels by their key, without the files they were made from.

    Args:
        home: the home folder.
        key: of the store.
        image_ids: names of its images, in order.

    Raises:
        ImageError: they are not there, damaged, or of another number.
    """
    folder = home / "pixels" / key
    lease = Lease(home, [f"pixels/{key}"])
    store = _opened(folder, key, list(image_ids))
    if store is None:
        raise ImageError(
            f"{folder}: expected {len(image_ids):,} packed images here, found none or others. "
            "Run the study again on the same data folder: it packs them anew.",
            settings=("data folder",),
        )
    return replace(store, lease=lease)


@contextlib.contextmanager
def _alone(home: Home, key: str) -> Iterator[None]:
    """Let one process pack these images; another waits, and finds them packed.

    Where an eviction deletes the lock meanwhile, `filelock` takes it anew: one that is deleted keeps nobody out.
    """
    from filelock import FileLock, Timeout

    path = make_folder(home / "pins") / f"packing-{key}.lock"
    lock = FileLock(path)
    with storage(path):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            NEWS.info("another process is packing these images: waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _digest_or_reason(path: Path) -> str:
    """A file's digest, or why it has none: an unreadable file counts in the key too."""
    try:
        return file_digest(path)
    except OSError as error:
        return f"unreadable: {type(error).__name__}"


def _open(folder: Path, key: str, job: _Packing) -> PixelStore | None:
    """The store in `folder`; None where it is missing or its checksum does not hold."""
    unread = _unread_rows(folder)
    if unread is None:
        return None
    left_out = set(unread)
    kept = [name for row, name in enumerate(job.image_ids) if row not in left_out]
    store = _opened(folder, key, kept) if len(kept) + len(unread) == len(job.paths) else None
    if store is None:
        return None
    unreadable = tuple((job.image_ids[row], _decoded(job.paths[row], job).sentence) for row in unread)
    if unreadable and not job.skip_unreadable:
        raise _unreadable_error(unreadable, len(job.paths))
    return replace(store, unreadable=unreadable)


def _unread_rows(folder: Path) -> list[int] | None:
    """Rows of the files that could not be read; None where there is no whole manifest."""
    try:
        return [int(row) for row in _whole_manifest(folder)["unreadable_rows"]]
    except DAMAGED:
        return None


def _whole_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, its checksum seen to hold.

    Raises:
        ValueError, LeukolabError, TypeError, KeyError: it does not, or there is none.
    """
    manifest: dict[str, Any] = dict(read_json(folder / "manifest.json"))
    if manifest.pop("checksum") != digest(manifest):
        raise ValueError("the manifest was changed")
    return manifest


def _opened(folder: Path, key: str, kept: list[str]) -> PixelStore | None:
    """The store of these images, its checksums seen to hold."""
    try:
        manifest = _whole_manifest(folder)
        measures = read_table(folder / "measures.parquet")
        open_regular(folder / "pixels.npy").close()  # a pipe in its place would be waited for
        array = np.load(folder / "pixels.npy", mmap_mode="r")
        edge = manifest["size_px"]
        whole = (
            _key(manifest["file_sha256"], edge, manifest["crop_px"], manifest.get("about_cell", False)) == key
            and (array.dtype, array.shape) == (np.uint8, (len(kept), edge, edge, 3))
            and _data_digest(folder / "pixels.npy", array.offset) == manifest["array_sha256"]
            and digest(_cells(measures)) == manifest["measures"]
        )
    except DAMAGED:
        return None
    if not whole:
        return None
    shelf.used(folder)
    return PixelStore(array, tuple(kept), measures.assign(image_id=kept), key)


def _make(folder: Path, job: _Packing) -> None:
    with whole_folder(folder) as temporary:
        checksum, decoded = _write_array(temporary / "pixels.npy", job)
        unread = [row for row, one in enumerate(decoded) if one.sentence]
        measures = _measures([one for one in decoded if not one.sentence])
        write_table(temporary / "measures.parquet", measures)
        manifest = _manifest(job, checksum, measures, unread)
        write_json(temporary / "manifest.json", manifest | {"checksum": digest(manifest)})


def _manifest(job: _Packing, checksum: str, measures: pd.DataFrame, unread: list[int]) -> dict[str, Any]:
    """What the store holds; image_ids are those of its first packing, for people, and not read back."""
    return {
        "about_cell": job.about_cell,
        "array_sha256": checksum,
        "crop_px": job.crop_px,
        "file_sha256": list(job.digests),
        "image_ids": list(job.image_ids),
        "measures": digest(_cells(measures)),
        "size_px": job.size_px,
        "unreadable_rows": unread,
        "version": STORE_VERSION,
    }


def _write_array(path: Path, job: _Packing) -> tuple[str, list[_Decoded]]:
    """Stream images to `path` as they are decoded; the digest of the array's bytes, and the rest about each."""
    seen: list[_Decoded] = []
    hasher = hashlib.sha256()
    with path.open("wb") as stream:
        length = _write_head(stream, len(job.paths), job.size_px)
        for one in map_files(lambda file: _decoded(file, job), job.paths, "Packing images"):
            if one.pixels is not None:
                data = np.ascontiguousarray(one.pixels).tobytes()
                hasher.update(data)
                stream.write(data)
            seen.append(_Decoded(None, one.width, one.height, one.pixel_digest, one.sentence))
        unreadable = tuple((name, one.sentence) for name, one in zip(job.image_ids, seen, strict=True) if one.sentence)
        if unreadable and (not job.skip_unreadable or len(unreadable) == len(seen)):
            raise _unreadable_error(unreadable, len(seen))
        stream.seek(0)
        if _write_head(stream, len(seen) - len(unreadable), job.size_px) != length:
            raise RuntimeError("the .npy header changed its length")
    return hasher.hexdigest(), seen


def _write_head(stream: BinaryIO, count: int, size_px: int) -> int:
    """The .npy header for that many images; NumPy pads it so that its length does not depend on the count."""
    head = {"descr": "|u1", "fortran_order": False, "shape": (count, size_px, size_px, 3)}
    np.lib.format.write_array_header_1_0(stream, head)
    return stream.tell()


def _decoded(path: Path, job: _Packing) -> _Decoded:
    try:
        image = decode(path)
    except ImageError as error:
        return _Decoded(None, 0, 0, "", str(error))
    height, width = image.shape[:2]
    seen = cell_square(image, job.size_px) if job.about_cell else fit(image, job.size_px, job.crop_px)
    return _Decoded(seen, width, height, pixel_digest(image), "")


def _measures(decoded: list[_Decoded]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "width": np.array([one.width for one in decoded], dtype=np.int64),
            "height": np.array([one.height for one in decoded], dtype=np.int64),
            "pixel_digest": [one.pixel_digest for one in decoded],
        }
    ).pipe(lambda table: table.assign(image_id=""))[["image_id", "width", "height", "pixel_digest"]]


def _cells(measures: pd.DataFrame) -> list[list[Any]]:
    return [measures["width"].tolist(), measures["height"].tolist(), measures["pixel_digest"].tolist()]


def _data_digest(path: Path, offset: int) -> str:
    """SHA-256 of a file past its header, read in pieces so that memory stays small."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(offset)
        while piece := stream.read(_PIECE_BYTES):
            hasher.update(piece)
    return hasher.hexdigest()


def _unreadable_error(unreadable: Sequence[tuple[str, str]], total: int) -> ImageError:
    shown = " ".join(sentence for _, sentence in unreadable[:5])
    more = f" And {len(unreadable) - 5:,} more." if len(unreadable) > 5 else ""
    return ImageError(f"{len(unreadable):,} of {total:,} images cannot be read. {shown}{more}")

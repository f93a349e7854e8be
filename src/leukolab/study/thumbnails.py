"""Pictures for the report: from the packed pixels where they are at hand, else those a run kept."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leukolab.base.errors import ImageError
from leukolab.base.files import atomic
from leukolab.base.home import Home
from leukolab.base.regular import open_regular
from leukolab.images import PixelStore, open_store
from leukolab.results.folder import RunFolder

Picture = NDArray[np.uint8]
NAMES = "image_ids"
"""Of the array that holds the names of the others, which are numbered: an image may be called anything."""


@dataclass
class Thumbnails:
    """Pictures by image_id; what is asked for is kept in the run folder, so that its report can be made anew."""

    run: RunFolder
    pixels: Picture | None
    rows: dict[str, int]
    kept: dict[str, Picture]
    asked: dict[str, Picture] = field(default_factory=dict)

    @classmethod
    def open(cls, run: RunFolder, pixels: PixelStore | Home | None) -> Thumbnails:
        """Thumbnails of a run, from a store, or from the home folder where its store may lie."""
        kept = kept_pictures(run)
        if isinstance(pixels, PixelStore):
            return cls(run, pixels.array, {name: row for row, name in enumerate(pixels.image_ids)}, kept)
        names = list(run.index["image_id"])  # the manifest's may be of files since renamed
        try:
            store = open_store(pixels, run.data.pixels, names) if pixels else None
        except ImageError:  # gone, damaged or of others
            store = None
        rows = {name: row for row, name in enumerate(names)} if store else {}
        return cls(run, store.array if store else None, rows, kept)

    def get(self, image_id: str) -> Picture:
        """uint8 (h, w, 3); a grey square where the picture is not on this machine."""
        picture = self.kept.get(image_id)
        if picture is None and self.pixels is not None and image_id in self.rows:
            picture = np.asarray(self.pixels[self.rows[image_id]])
        if picture is None:
            return np.full((64, 64, 3), 128, np.uint8)
        self.asked[image_id] = picture
        return picture

    def keep(self) -> None:
        """Write the pictures that were asked for into the run folder."""
        keep_pictures(self.run, self.asked)


def keep_pictures(run: RunFolder, pictures: Mapping[str, Picture]) -> None:
    """Write the pictures of a run's report, by image_id."""
    with atomic(run.file(RunFolder.PICTURES)) as temporary, temporary.open("wb") as stream:
        numbered = {str(number): picture for number, picture in enumerate(pictures.values())}
        np.savez_compressed(stream, **{NAMES: np.array(list(pictures), dtype=np.str_)}, **numbered)  # type: ignore[arg-type]


def kept_pictures(run: RunFolder) -> dict[str, Picture]:
    """The pictures that a run kept; none where the file is not there, or damaged."""
    try:
        with open_regular(run.file(RunFolder.PICTURES)) as stream, np.load(stream) as found:
            if NAMES not in found:  # of an earlier version, which named each array by its image
                return dict(found)
            return {str(name): found[str(number)] for number, name in enumerate(found[NAMES])}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, tokenize.TokenError):
        return {}

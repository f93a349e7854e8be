"""What the frozen part makes of each image and view, computed once and kept in the home folder, shard by shard.

A shard holds `shard_rows` images in one view, whole or absent, see `base.kept`: neighbours in the packed pixels, or in
the bank's order, so that shards in which no image trains are never made. It is computed by the process
that first asks for it, and any shard may be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leukolab.base import kept, shelf
from leukolab.base.errors import StorageError
from leukolab.base.files import read_at
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest
from leukolab.base.pins import pin
from leukolab.base.progress import progress
from leukolab.base.threads import ahead, reader_count
from leukolab.engine import views
from leukolab.engine.pixels import Images, Rows
from leukolab.engine.resident import shown
from leukolab.engine.runners import Outputs, Pixels, Runner, runner_of
from leukolab.engine.runtime import one_core
from leukolab.engine.trunk import Trunk, to_halves
from leukolab.spec import AugmentSpec

Halves = NDArray[np.float16]
BANK_VERSION = 2
"""Raised by hand when the same inputs would give other features."""


@dataclass(frozen=True)
class Bank:
    """Pooled features, and activations at the cut, of every image in the plain view (0) and `augment.views` others.

    Attributes:
        seed: of the views; a bank is shared by all jobs with the same seed.
        order: rows of the packed pixels (n,) in the order in which views other than the plain one hold them, best so
            that those stand together which train together; as they are packed where None.
    """

    trunk: Trunk
    images: Images
    augment: AugmentSpec
    seed: int
    home: Home
    order: Rows | None = field(default=None, repr=False, compare=False)

    @property
    def width(self) -> int:
        """Pooled features of one image, d."""
        return self.trunk.network.head.in_features

    def key(self, view: int) -> str:
        """Content key of one view."""
        if view not in self._keys:
            self._keys[view] = self._key(view)
        return self._keys[view]

    @cached_property
    def _run(self) -> Runner:
        return runner_of(self.trunk)

    @cached_property
    def _keys(self) -> dict[int, str]:
        return {}

    def _key(self, view: int) -> str:
        parameters: dict[str, object] = {"view": view}
        if view:
            parameters |= {"augment": self.augment.model_dump(exclude={"views", "bank"}), "seed": self.seed}
            parameters |= {"order": None if self.order is None else digest(self.order.tolist())}
        return content_key("features", BANK_VERSION, {"pixels": self.images.key, "trunk": self.trunk.key}, parameters)

    def pooled(self, rows: Rows, shown: Rows) -> Halves:
        """Pooled features float16 (n, d) of these images, each in its own view (n,)."""
        return self._read("pooled", (self.width,), rows, shown)

    def pooled_of(self, pixels: NDArray[np.uint8]) -> Halves:
        """Pooled features float16 (m, d) of images that are not packed, uint8 (m, h, w, 3); nothing is kept."""
        size = self.trunk.runtime.trunk_batch_size or 1
        pieces = [np.empty((0, self.width), np.float16)]
        for start in range(0, len(pixels), size):
            piece = pixels[start : start + size]
            pieces.append(to_halves(self._run(_padded(piece, size))[0][: len(piece)]))
        return np.concatenate(pieces)

    def activations(self, rows: Rows, shown: Rows) -> Halves:
        """Activations at the cut, float16 (n, h, w, c), of these images, each in its own view (n,)."""
        if self.trunk.shape is None:
            raise ValueError("this bank was made without a cut")
        return self._read("activations", self.trunk.shape, rows, shown)

    def fill(self, view: int, shards: list[int]) -> None:
        """Compute what is missing of these shards of a view."""
        missing = [
            shard for shard in shards if not all(kept.whole(self.home, one) for one in self.names(view, [shard]))
        ]
        if missing:
            self._compute(view, missing)

    def names(self, view: int, shards: list[int]) -> list[str]:
        """Files of these shards of a view, below the home folder."""
        return [self._name(view, shard, what) for shard in shards for what in self._kinds()]

    def shards(self, rows: Rows, view: int = 0) -> list[int]:
        """Numbers of the shards of a view that hold these images, in order."""
        places = self._places(np.asarray(rows), np.full(len(rows), view))
        return [int(number) for number in np.unique(places // self.shard_rows)]

    @cached_property
    def shard_rows(self) -> int:
        """A whole number of passes: a sixteenth of the images, 256 or about 32 MiB of activations at the most."""
        batch = self.trunk.runtime.trunk_batch_size or 1
        image = 2 * int(np.prod(self.trunk.shape or (self.width,)))
        return max(1, min(256, len(self.images) // 16, (32 << 20) // image) // batch) * batch

    @cached_property
    def _ranks(self) -> Rows | None:
        """Where each image stands in `order`."""
        return None if self.order is None else np.argsort(self.order)

    def _places(self, rows: Rows, shown: Rows) -> Rows:
        """Where these images stand in the views that show them."""
        return rows if self._ranks is None else np.where(shown > 0, self._ranks[rows], rows)

    def _name(self, view: int, shard: int, what: str) -> str:
        return f"features/{self.key(view)}/{shard:06}.{what}"

    def _kinds(self) -> tuple[str, ...]:
        return ("pooled", "activations") if self.trunk.depth else ("pooled",)

    def _read(self, what: str, shape: tuple[int, ...], rows: Rows, shown: Rows) -> Halves:
        result = np.empty((len(rows), *shape), np.float16)
        bytes_each = 2 * int(np.prod(shape))
        shards, places = np.divmod(self._places(rows, shown), self.shard_rows)
        last: tuple[int, int] | None = None
        descriptor = -1
        for number in np.lexsort((places, shards, shown)):
            wanted = int(shown[number]), int(shards[number])
            if wanted != last:
                descriptor, last = self._open(*wanted, what), wanted
            read_at(descriptor, result[number].reshape(-1).view(np.uint8), int(places[number]) * bytes_each)
        return result

    def _open(self, view: int, shard: int, what: str) -> int:
        """A descriptor of a whole shard, computed first where it is missing or damaged."""
        name, names = self._name(view, shard, what), self.names(view, [shard])
        descriptor = kept.opened(self.home, name)
        if descriptor is None:
            self._compute(view, [shard])
            descriptor = kept.opened(self.home, name)
        if descriptor is None:  # evicted by another program just now: not again
            with pin(self.home, names):
                self._compute(view, [shard])
                descriptor = kept.opened(self.home, name)
        if descriptor is None:
            raise StorageError(
                f"{self.home / name}: expected what was just written, found it damaged. Check this disk."
            )
        return descriptor

    def _compute(self, view: int, shards: list[int]) -> None:
        """Pass the images of these shards through the frozen part; a second thread prepares their views."""
        size, images = self.trunk.runtime.trunk_batch_size or 1, len(self.images)
        changes = views.draw(self.augment, images, self.seed, f"view {view}") if view else None
        passes = [
            (shard, start) for shard in shards
            for start in range(shard * self.shard_rows, min((shard + 1) * self.shard_rows, images), size)
        ]  # fmt: skip
        pieces: dict[str, list[bytes]] = {what: [] for what in self._kinds()}
        total, name = len(passes), f"frozen part, view {view}"
        for number, (outputs, count) in enumerate(progress(self._passed(passes, size, changes), total, name)):
            for what, values in zip(pieces, outputs, strict=False):
                if values is not None:
                    pieces[what].append(to_halves(values[:count]).tobytes())
            if number + 1 == total or passes[number + 1][0] != passes[number][0]:
                self._write(view, passes[number][0], pieces)
                pieces = {what: [] for what in self._kinds()}

    def _passed(
        self, passes: list[tuple[int, int]], size: int, changes: views.Draw | None
    ) -> Iterator[tuple[Outputs, int]]:
        """What the frozen part makes of each pass, and how many of its images count.

        A graphics card computes in a thread of its own, so that it goes on while this one writes.
        """
        on_card = self.trunk.runtime.device == "cuda"
        threads = reader_count() if on_card else 1
        prepared = ahead(lambda place: self._pixels(place[1], size, changes), passes, threads, start=one_core)

        def passed(one: tuple[Pixels, int]) -> tuple[Outputs, int]:
            return self._run(one[0]), one[1]

        return ahead(passed, prepared, start=one_core) if on_card else map(passed, prepared)

    def _pixels(self, start: int, size: int, changes: views.Draw | None) -> tuple[Pixels, int]:
        """Pixels of one pass, always padded to `size` so that no result depends on it, and how many images count."""
        rows = np.arange(start, min(start + size, len(self.images)))
        if changes is not None and self.order is not None:
            rows = self.order[rows]
        if self.trunk.runtime.device == "cuda":
            again = np.resize(rows, size)
            return shown(self.images, again, None if changes is None else changes[again], "cuda"), len(rows)
        pixels = self.images.read(rows)
        if changes is not None:
            pixels = views.changed(pixels, changes[rows])
        return _padded(pixels, size), len(rows)

    def _write(self, view: int, shard: int, pieces: dict[str, list[bytes]]) -> None:
        for what, parts in pieces.items():
            kept.write(self.home, self._name(view, shard, what), parts)
        shelf.keep_within(self.home, [self.home / name for name in self.names(view, [shard])])


def _padded(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The images of a pass, black ones added so that there are `size`."""
    missing = size - len(pixels)
    return pixels if missing <= 0 else np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])

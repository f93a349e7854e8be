"""Part (a): mutated images of every readable format through `decode`, `predict` and `explore`."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pictures import Mutant, mutant
from trial import ToldError, command

from base import Base
from leukolab.base.errors import ImageError
from leukolab.base.streams import stream
from leukolab.images import decode

BATCH = 25
"""Images that one `explore` sees together."""


@dataclass(frozen=True)
class Images:
    """The part: a case of each image, and a case of each 25 of them together."""

    base: Base
    seed: int
    count: int

    def names(self) -> list[str]:
        """Cases, the slow ones first."""
        explored = [f"explore/{number}" for number in range(-(-self.count // BATCH))]
        return [*explored, *(f"image/{number}" for number in range(self.count))]

    def told(self, name: str) -> str:
        """What the case is, in words."""
        if name.startswith("explore"):
            return "25 images together"
        found = self._mutant(int(name.partition("/")[2]))
        return f"{found.kind}, {found.original.name}, {found.name[:40]!r}"

    def work(self, name: str, folder: Path) -> Callable[[], int]:
        """What the trial does."""
        kind, _, number = name.partition("/")
        if kind == "explore":
            return lambda: self._explore(int(number), folder)
        return lambda: self._image(self._mutant(int(number)), folder)

    def _mutant(self, number: int) -> Mutant:
        return mutant(stream(self.seed, "image", number))

    def _image(self, given: Mutant, folder: Path) -> int:
        path, good = folder / "work" / given.name, sorted((self.base.cells / "all").iterdir())[0]
        given.write(path)
        pixels = _decoded(path)
        if given.same_or_refused and pixels is not None and not np.array_equal(pixels, _original(given, folder)):
            raise ToldError("decode: other pixels than the original's, no error")
        out = folder / "work" / "out.csv"
        _with_one_model()
        code = command("predict", good, path, "--run", self.base.path / "runs" / "1", "--out", out)
        if code == 0:
            self._check_rows(out, 2 if pixels is not None else 1)
        return code

    def _check_rows(self, out: Path, rows: int) -> None:
        table = pd.read_csv(out)
        if len(table) != rows:
            raise ToldError(f"predict: {len(table)} rows of {rows}")
        if not table["path"].map(lambda text: isinstance(text, str)).all() or table.isna().to_numpy().any():
            raise ToldError("predict: gaps in the table")
        if table.iloc[0].tolist() != _first_call(self.base):
            raise ToldError("predict: a whole image is called otherwise beside a damaged one")

    def _explore(self, batch: int, folder: Path) -> int:
        data, readable = folder / "work" / "data", 0
        (data / "all").mkdir(parents=True)
        shutil.copytree(self.base.cells / "normal", data / "normal")
        for number in range(batch * BATCH, min((batch + 1) * BATCH, self.count)):
            given = self._mutant(number)
            path = data / "all" / f"{number:05}{given.name[-200:]}"
            given.write(path)
            readable += _decoded(path) is not None
        home = folder / "work" / "home"
        code = command("--home", home, "data", "explore", "folder", data, "--positive", "all")
        if code == 0:
            self._check_measures(home, readable)
        return code

    def _check_measures(self, home: Path, readable: int) -> None:
        (file,) = home.glob("pixels/*/measures.parquet")
        seen, whole = len(pd.read_parquet(file)), len(list((self.base.cells / "normal").iterdir()))
        if seen != readable + whole:
            raise ToldError(f"explore: {seen} images read, not {readable} beside {whole} whole ones")


def _decoded(path: Path) -> np.ndarray | None:
    """Pixels, the same twice; None where the file is refused with one sentence."""
    found = []
    for _ in range(2):
        try:
            found.append(decode(path))
        except ImageError:
            found.append(None)
        if found[0] is None or found[0].size > 10**7:
            break
    pixels = found[0]
    if pixels is not None and (pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3):
        raise ToldError(f"decode: {pixels.dtype} {pixels.shape}")
    if len(found) == 2 and not np.array_equal(found[0], found[1]):
        raise ToldError("decode: other pixels the second time")
    return pixels


def _original(given: Mutant, folder: Path) -> np.ndarray:
    path = folder / f"original{given.original.suffix}"
    path.write_bytes(given.original.data)
    return decode(path)


@functools.cache
def _first_call(base: Base) -> list[object]:
    """What the model says of the first image when nothing is beside it; asked before the trials."""
    good = sorted((base.cells / "all").iterdir())[0]
    table, _ = _predict().predict_images(_opened(base.path / "runs" / "1"), [good])
    return pd.read_csv(_stream(table)).iloc[0].tolist()


def _stream(table: pd.DataFrame) -> object:
    import io

    return io.StringIO(table.to_csv(index=False, lineterminator="\n"))


def _predict() -> object:
    import leukolab.study.predict as module

    return module


@functools.cache
def _opened(run: Path) -> object:
    return _OPEN(run)


_OPEN = _predict().open_model


def _with_one_model() -> None:
    """Let `predict` take the model that was opened once: trials of images are not about opening it."""
    _predict().open_model = _opened


def warm(base: Base) -> None:
    """What all trials share: the model, opened and asked once."""
    import torch

    torch.set_num_threads(1)
    _first_call(base)

"""Part (b): damaged files of run and home folders through every command that reads them."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from trial import ToldError, command, say, trial

from base import Base, study
from leukolab.base.streams import stream

Rng = np.random.Generator
QUICK = ("status", "predict", "compare")
SLOW = ("report", "merge", "go on")
OF_HOME = ("new run", "explore", "audit", "go on")
QUICK_OF_HOME = ("cache list", "cache trim")
UNREAD = re.compile(r"\.(lock|gate|leukolab)$|report/|pins/")
"""Files that carry nothing: their damage is tried seldom."""


@dataclass(frozen=True)
class Folders:
    """The part: a case is a damaged file and the commands that meet it, each on a copy of its own."""

    base: Base
    seed: int
    count: int
    codes = frozenset({0, 2, 3})
    """`data audit` ends with 3 where something needs a look."""

    def names(self) -> list[str]:
        """Cases."""
        return [f"file/{number}" for number in range(self.count)]

    def told(self, name: str) -> str:
        """What the case is, in words."""
        rng = self._rng(name)
        of_home, file = self._file(rng)
        kind = _kind(rng)
        return f"{kind} of {'home' if of_home else 'run'} {file}, {', '.join(self._commands(rng, of_home))}"

    def work(self, name: str, folder: Path) -> Callable[[], int]:
        """What the trial does."""
        return lambda: self._try(self._rng(name), folder / "work")

    def _rng(self, name: str) -> Rng:
        return stream(self.seed, "folders", name.partition("/")[2])

    def _try(self, rng: Rng, work: Path) -> int:
        of_home, file = self._file(rng)
        kind = _kind(rng)
        told = []
        chosen = self._commands(rng, of_home)
        place = f"home/{file}" if of_home else f"runs/1/{file}"
        state = rng.bit_generator.state
        code = 0
        for what in chosen:
            here = work / what.replace(" ", "-")
            self.base.copy("home", here / "home")
            self.base.copy("runs", here / "runs")
            rng.bit_generator.state = state
            damage(rng, kind, here / place)
            code = run(what, self.base, here)
            if code == 0:
                told += _differences(what, here, undisturbed(self.base, what) / "work")
            shutil.rmtree(here / "home", ignore_errors=True)
        if told:
            raise ToldError("; ".join(told))
        return code

    def _file(self, rng: Rng) -> tuple[bool, str]:
        """A file, each name and kind of file as likely as another; of home or of a run."""
        of_home = bool(rng.random() < 0.35)
        top = self.base.path / ("home" if of_home else "runs/1")
        kinds: dict[str, list[str]] = {}
        for path in sorted(path for path in top.rglob("*") if path.is_file()):
            name = path.relative_to(top).as_posix()
            if not UNREAD.search(name) or rng.random() < 0.02:
                kinds.setdefault(re.sub(r"[0-9a-f]{16,}|\d{6}", "KEY", name), []).append(name)
        names = list(kinds.values())[rng.integers(len(kinds))]
        return of_home, names[rng.integers(len(names))]

    def _commands(self, rng: Rng, of_home: bool) -> tuple[str, ...]:
        """The quick ones, and one of the others."""
        quick, slow = (QUICK_OF_HOME, OF_HOME) if of_home else (QUICK, SLOW)
        return (*quick, slow[rng.integers(len(slow))])


def run(what: str, base: Base, here: Path) -> int:
    """One command on the copies in `here`."""
    home, one, two = here / "home", here / "runs" / "1", here / "runs" / "2"
    say(f"## {what}")
    if what == "status":
        return command("--home", home, "study", "status", one, "--json")
    if what == "predict":
        return command("--home", home, "predict", base.cells / "all", "--run", one, "--out", here / "out" / "calls.csv")
    if what == "compare":
        return command(
            "--home", home, "study", "compare", one, base.copy("runs/1", here / "again"), "--out", here / "out"
        )
    if what == "report":
        return command("--home", home, "-q", "study", "report", one)
    if what == "merge":
        return command("--home", home, "-q", "study", "merge", one, two, "--out", here / "out")
    if what == "go on":
        return command(*_at(base, here, 1, one))
    if what == "new run":
        return command(*_at(base, here, 1, here / "out"))
    if what == "explore":
        return command("--home", home, "data", "explore", "phantom", base.cells, "--out", here / "out" / "page.html")
    if what == "audit":
        return command("--home", home, "data", "audit", "phantom", base.cells, "--out", here / "out")
    return command("--home", home, "cache", *({"cache list": ("list",), "cache trim": ("trim", "--to", "1MB")}[what]))


def undisturbed(base: Base, what: str) -> Path:
    """Where a command was done without any damage."""
    return base.path.parent / "undisturbed" / what.replace(" ", "-")


def _at(base: Base, here: Path, part: int, out: Path) -> list[object]:
    words = list(study(base.path, part, out))
    words[1] = here / "home"
    return words


RESULTS = ("predictions.parquet", "scores.parquet", "members.parquet", "chosen.json", "answers.json")


def _differences(what: str, here: Path, sound: Path) -> list[str]:
    """Files that a command wrote with exit code 0, but otherwise than without the damage."""
    told = []
    for name, before in written(what, sound).items():
        now = written(what, here).get(name)
        if now != before:
            told.append(f"{what}: exit code 0, {name} {'absent' if now is None else 'otherwise'}")
    return told[:3]


def written(what: str, here: Path) -> dict[str, bytes]:
    """What a command writes that depends on what it read and not on the clock, by name."""
    out, one = here / "out", here / "runs" / "1"
    if what in ("predict", "compare", "explore", "audit"):
        files = [path for path in out.rglob("*") if path.is_file() and path.suffix not in (".png", ".pdf")]
        return {path.relative_to(out).as_posix(): _neutral(path.read_bytes(), here) for path in sorted(files)}
    if what in ("report", "go on", "merge", "new run"):
        top = one if what in ("report", "go on") else out
        names = (*RESULTS, "report/report.html") if what == "report" else RESULTS
        return {name: _neutral((top / name).read_bytes(), here) for name in names if (top / name).is_file()}
    return {}


def _neutral(data: bytes, here: Path) -> bytes:
    """Without the folder in which it was made."""
    return data.replace(str(here).encode(), b"HERE")


def _kind(rng: Rng) -> str:
    names = list(DAMAGES)
    return names[rng.integers(len(names))]


def damage(rng: Rng, kind: str, path: Path) -> None:
    """Put something else in the place of a file; the file itself, which is a link, is not touched."""
    data = path.read_bytes()
    path.unlink()
    DAMAGES[kind](rng, path, data)


def _bits(rng: Rng, path: Path, data: bytes) -> None:
    changed = bytearray(data)
    for at in rng.integers(max(1, len(data)), size=rng.integers(1, 9)):
        if changed:
            changed[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(changed)


def _digits(rng: Rng, path: Path, data: bytes) -> None:
    """A digit or letter of text becomes another: the file stays readable."""
    changed = bytearray(data)
    places = [at for at, byte in enumerate(data[:100_000]) if chr(byte).isalnum() and byte < 128]
    if places:
        at = places[rng.integers(len(places))]
        changed[at] = ord(str(rng.integers(10))) if chr(changed[at]).isdigit() else 97 + int(rng.integers(26))
    path.write_bytes(changed)


def _folder(rng: Rng, path: Path, data: bytes) -> None:
    path.mkdir()


def _pipe(rng: Rng, path: Path, data: bytes) -> None:
    os.mkfifo(path)


def _device(rng: Rng, path: Path, data: bytes) -> None:
    path.symlink_to("/dev/zero")


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch OWNED",)


_NEST = 20_000
DAMAGES: dict[str, Callable[[Rng, Path, bytes], object]] = {
    "cut": lambda rng, path, data: path.write_bytes(data[: rng.integers(max(1, len(data)))]),
    "bits": _bits,
    "more bits": _bits,
    "digits": _digits,
    "more digits": _digits,
    "emptied": lambda rng, path, data: path.write_bytes(b""),
    "braces": lambda rng, path, data: path.write_bytes(b"{}"),
    "list": lambda rng, path, data: path.write_bytes(b"[1, null]"),
    "absent": lambda rng, path, data: None,
    "folder": _folder,
    "pipe": _pipe,
    "device": _device,
    "loop": lambda rng, path, data: path.symlink_to(path.name),
    "pickle": lambda rng, path, data: path.write_bytes(pickle.dumps(_Runs(), protocol=2)),
    "nested": lambda rng, path, data: path.write_bytes(b"[" * _NEST + b"]" * _NEST),
    "noise": lambda rng, path, data: path.write_bytes(rng.bytes(len(data))),
    "zeros": lambda rng, path, data: path.write_bytes(bytes(len(data))),
    "longer": lambda rng, path, data: path.write_bytes(data + rng.bytes(100)),
    "numbers": lambda rng, path, data: path.write_bytes(re.sub(rb"\d+", b"99999999999999999999", data[: 10**6])),
    "nulls": lambda rng, path, data: path.write_bytes(re.sub(rb": [^,{\[\n]+", b": null", data[: 10**6])),
}


def _written(_: object, path: Path, **__: object) -> None:
    """In the place of drawing a figure again as PDF and PNG, which is most of the time of a report."""
    Path(path).write_bytes(b"drawn")


def warm(base: Base) -> None:
    """What the commands write without any damage."""
    FigureCanvasPdf.print_pdf = FigureCanvasAgg.print_png = _written  # type: ignore[method-assign]
    for what in (*QUICK, *SLOW, *dict.fromkeys((*OF_HOME, *QUICK_OF_HOME))):
        folder = undisturbed(base, what)
        if (folder / "work").exists():
            continue
        folder.mkdir(parents=True)
        ended = trial(lambda: _undisturbed(what, base, folder / "work"), folder, Folders.codes)  # noqa: B023
        if ended.wrong or ended.code == 2:
            raise SystemExit(f"fuzz: '{what}' failed without any damage: {ended.wrong} {ended.err[-2000:]}")


def _undisturbed(what: str, base: Base, here: Path) -> int:
    base.copy("home", here / "home")
    base.copy("runs", here / "runs")
    return run(what, base, here)

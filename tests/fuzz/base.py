"""What trials start from: drawn cells, two finished runs of them, a home folder; and copies to be damaged."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from trial import command

LARGE_BYTES = 10**6
SETTINGS = (
    "report.sections=[pooled, hypotheses, members, data, scores, used]", "report.answers=[offered]",
    "training.augment.views=1", "training.learning_rates=[0.01]", "bootstrap=100", "training.batch_size=16",
    "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "runtime={device: cpu, precision: float32, threads: 1, trunk: openvino, trunk_batch_size: 16}",
)  # fmt: skip


def study(folder: Path, part: int, out: Path) -> tuple[object, ...]:
    """The command that makes a run of one outer part, or goes on with it."""
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    return (
        "--home", folder / "home", "-q", "study", "run", "demo", "--data", folder / "cells", "--out", out, "--on",
        "local", "--backbone", "tf_efficientnet_lite0", "--weights", "packaged", "--image-size", 48, "--epochs", "2+1",
        "--outer-parts", part, *sets,
    )  # fmt: skip


@dataclass(frozen=True)
class Base:
    """A folder with `cells`, `home`, `runs/1` and `runs/2`; nobody changes it."""

    path: Path

    @property
    def cells(self) -> Path:
        """Drawn images, two classes."""
        return self.path / "cells"

    def copy(self, name: str, to: Path) -> Path:
        """A copy of a folder below this one; its large files, which nobody writes into, are links."""
        return Path(shutil.copytree(self.path / name, to, copy_function=_copied, symlinks=True))

    def digest(self) -> str:
        """Of every file, to see that nobody changed one."""
        hasher = hashlib.sha256()
        for path in sorted(path for path in self.path.rglob("*") if path.is_file()):
            name = path.relative_to(self.path).as_posix()
            hasher.update(name.encode() + (b"" if "/pins/" in name else path.read_bytes()))
        return hasher.hexdigest()


def _copied(one: str, other: str) -> None:
    if Path(one).stat().st_size < LARGE_BYTES:
        shutil.copyfile(one, other)
    else:
        os.link(one, other)


def make(folder: Path) -> Base:
    """Draw the cells and train the two runs, unless they are there already."""
    if not (folder / "whole").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _forked(("data", "draw", folder / "cells", "--subjects", 20, "--images", 3, "--size", 48))
        for part in (1, 2):  # one after the other: the second finds the features of the first
            _forked(study(folder, part, folder / "runs" / str(part)))
        (folder / "whole").touch()
    return Base(folder)


def _forked(arguments: tuple[object, ...]) -> None:
    """Do a command in a fork of its own: a process that has computed with threads cannot be forked well."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = command(*arguments)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"fuzz: making what trials start from failed: leukolab {' '.join(map(str, arguments))}")

"""Whether two versions of the program give the same predictions and scores, to the last bit.

    python benchmarks/same_numbers.py make SOURCES FOLDER    the studies of `STUDIES` with the program in SOURCES
    python benchmarks/same_numbers.py compare BEFORE AFTER   two such folders; exit code 1 where a number differs

Runtime, precision, threads and epochs are fixed, since a run would choose them by timing. `LEUKOLAB_DATA` names the
folder of real images; without it only the drawn cells are used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FIXED = "runtime={device: cpu, precision: float32, threads: 1, trunk: torch, trunk_batch_size: 16}"
SMALL = ("--backbone", "tf_efficientnet_lite0", "--image-size", "128", "--set", "bootstrap=200")
IMAGES = 300
"""Real images of each data set."""
RESULT = ("value", "low", "high")
KEYS = {"predictions": ["member", "role", "image_id"], "scores": ["member", "role", "metric", "unit"]}
"""What names a row of each table."""
NAMES = {"job": "member"}
"""Columns of older versions and what they are called now."""


@dataclass(frozen=True)
class Study:
    """One study: the name of its run, its own name, its images, and options beside `FIXED`."""

    run: str
    name: str
    images: str
    options: tuple[str, ...]


BALANCE = tuple(f"protocols.{name}.balance.per_class={count}" for name, count in (("published", 80), ("corrected", 60)))
STUDIES = (
    Study("demo", "demo", "drawn-two", ("--protocol", "both", "--epochs", "4+1")),
    Study("demo_subtypes", "demo_subtypes", "drawn-four", ("--set", "readings.frozen.stages.0.epochs=6")),
    Study("wen", "wen", "cells", (*SMALL, "--epochs", "4+1", "--outer-parts", "1,2")),
    Study("wen_published", "wen", "cells", (*SMALL, "--protocol", "published", "--epochs", "4+1")),
    Study("subtypes", "subtypes", "fields", (*SMALL, "--epochs", "2", "--set", BALANCE[0], "--set", BALANCE[1])),
)


def make(sources: Path, folder: Path) -> None:
    """Run every study with the program in `sources`; a finished one is not run again."""
    program = [sys.executable, "-m", "leukolab", "--home", str(folder / "home")]
    environment = os.environ | {"PYTHONPATH": str(sources.resolve())}
    for study in STUDIES:
        run = folder / study.run
        if (run / "report" / "report.html").exists():
            continue
        data = _images(study.images, folder, program, environment)
        if data is None:
            _say(f"{study.run}: left out, LEUKOLAB_DATA names no folder")
            continue
        command = ["study", "run", study.name, "--data", str(data), "--out", str(run), "--on", "local:1"]
        subprocess.run([*program, *command, "--set", FIXED, *study.options], check=True, env=environment)


def _images(kind: str, folder: Path, program: list[str], environment: dict[str, str]) -> Path | None:
    """The folder of images of that kind, drawn or linked once."""
    place = folder / "images" / kind
    if place.exists():
        return place
    if kind.startswith("drawn"):
        layout = "two_class" if kind == "drawn-two" else "four_class"
        numbers = ["--subjects", "40", "--images", "6", "--size", "96"]
        subprocess.run(
            [*program, "data", "draw", str(place), "--layout", layout, *numbers], check=True, env=environment
        )
        return place
    if "LEUKOLAB_DATA" not in os.environ:
        return None
    source = Path(os.environ["LEUKOLAB_DATA"]) / ("C-NMC_Leukemia" if kind == "cells" else "ALL_subtypes")
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in (".webp", ".bmp", ".jpg", ".png"))
    for number in range(IMAGES):
        path = files[number * len(files) // IMAGES]
        target = place / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    for path in source.rglob("*.csv"):
        shutil.copy2(path, place / path.relative_to(source))
    return place


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def compare(before: Path, after: Path) -> bool:
    """Print, study by study, how many numbers are the same and which are not; whether all are."""
    same = True
    for study in STUDIES:
        for table, keys in KEYS.items():
            paths = [folder / study.run / f"{table}.parquet" for folder in (before, after)]
            if not all(path.exists() for path in paths):
                _say(f"{study.run:14} {table:12} not in both")
                same = False
                continue
            same &= _compared(study.run, table, keys, *(pd.read_parquet(path) for path in paths))
    return same


def _compared(study: str, name: str, keys: list[str], before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Numbers of the rows that both have, bit by bit; rows that one has alone are counted."""
    before, after = (table.rename(columns={} if "member" in table else NAMES) for table in (before, after))
    columns = [name for name in before if name in RESULT or re.fullmatch(r"p_\d+", str(name))]
    tables = (table[[*keys, *columns]] for table in (before, after))
    both = next(tables).merge(next(tables), on=keys, how="outer", suffixes=("", "_after"), indicator=True)
    shared = both[both["_merge"] == "both"]
    wrong = pd.Series(False, index=shared.index)
    for column in columns:
        old, new = shared[column].to_numpy(), shared[f"{column}_after"].to_numpy()
        wrong |= ~((old == new) | ((old != old) & (new != new)))
    alone = {side: int((both["_merge"] == f"{side}_only").sum()) for side in ("left", "right")}
    _say(
        f"{study:14} {name:12} {len(shared) * len(columns):>8,} numbers in both, {int(wrong.sum()):,} rows differ; "
        f"rows only before {alone['left']:,}, only after {alone['right']:,}"
    )
    for row in shared[wrong].head(5).to_dict("records"):
        _say(f"    {row}")
    for side, word in (("left", "before"), ("right", "after")):
        names = sorted(set(both.loc[both["_merge"] == f"{side}_only", "member"]))
        if names:
            _say(f"    only {word}: {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}")
    return not wrong.any() and not alone["left"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 4:
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["compare"] and len(sys.argv) == 4:
        sys.exit(0 if compare(Path(sys.argv[2]), Path(sys.argv[3])) else 1)
    else:
        sys.exit(__doc__)

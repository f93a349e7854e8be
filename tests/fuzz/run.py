"""Seeded, bounded fuzzing of the whole program: damaged images, damaged folders, hostile settings and tables.

    python tests/fuzz/run.py                                    (all of it)
    python tests/fuzz/run.py --part images --count 100 --seed 8
    python tests/fuzz/run.py --seed 7 --case images/image/123   (one case again, its files kept)

Each case runs in a process of its own. Wrong is: a traceback, over 60 s, over 2 GiB, a program run, a file written
elsewhere, an exit code that is not documented, or, with exit code 0, other results than without the damage. Exit code 1
where anything was wrong; each wrong case is told with the command that repeats it. Linux only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "LEUKOLAB_LANGUAGE": "en"}
sys.path.insert(0, str(Path(__file__).parent))

import folders
import hostile
from trial import Ended, say, trial

import base
import images

COUNTS = {"images": 2000, "folders": 500, "hostile": 300}
PARTS = {"images": images.Images, "folders": folders.Folders, "hostile": hostile.Hostile}
WORKERS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 where nothing was wrong."""
    given = _arguments(arguments)
    top = Path(given.folder or tempfile.mkdtemp(prefix="leukolab-fuzz-")).resolve()
    os.environ["LEUKOLAB_HOME"] = str(top / "no-home")
    started = time.monotonic()
    _import_all()
    material = base.make(top / "base")
    before = material.digest()
    say(f"seed {given.seed}; material ready after {time.monotonic() - started:.0f} s")
    wrong = 0
    for name, count in _counts(given).items():
        part = PARTS[name](material, given.seed, count)
        wrong += _run(name, part, top, given)
    if material.digest() != before:
        say("wrong: the material of the trials was changed")
        wrong += 1
    if not given.folder and not given.case:
        shutil.rmtree(top, ignore_errors=True)
    say(f"seed {given.seed}: {wrong} wrong, {time.monotonic() - started:.0f} s")
    return int(wrong > 0)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--count", type=int, help="cases of each part")
    parser.add_argument("--share", type=float, default=1.0, help="of the counts 2,000, 500 and 300")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no case of a part begins")
    parser.add_argument("--case", help="one case alone, as a wrong one is told; its files are kept")
    parser.add_argument("--folder", help="for the material and the trials, kept")
    return parser.parse_args(arguments)


def _counts(given: argparse.Namespace) -> dict[str, int]:
    if given.case:
        return {given.case.partition("/")[0]: COUNTS[given.case.partition("/")[0]]}
    return {name: given.count or max(1, round(COUNTS[name] * given.share)) for name in given.part or PARTS}


def _import_all() -> None:
    """Everything that commands import, once, before the trials fork."""


_trial: Any = None
"""The part, the folder of the trials and the name of the part, for the workers."""
_until = float("inf")
"""When no trial begins any more, in seconds of the clock that never goes back."""
_keep = False
"""Whether files of trials that went well are kept, too."""


def _run(name: str, part: Any, top: Path, given: argparse.Namespace) -> int:
    global _trial, _keep, _until
    started = time.monotonic()
    sys.modules[type(part).__module__].warm(part.base)
    (top / "trials").mkdir(exist_ok=True)
    _trial, _keep, _until = (part, top / "trials", name), bool(given.case), started + given.seconds
    cases = [given.case.partition("/")[2]] if given.case else part.names()
    codes: Counter[int] = Counter()
    peak, slowest, wrong = 0, 0.0, 0
    with multiprocessing.get_context("fork").Pool(1 if given.case else WORKERS) as pool:
        for case, ended in pool.imap_unordered(_one, cases):
            if ended is None:
                continue
            codes[ended.code] += 1
            peak, slowest = max(peak, ended.peak_bytes), max(slowest, ended.seconds)
            if ended.wrong:
                wrong += 1
                say(_told(name, part, case, ended, given.seed))
            if given.case:
                say(f"exit code {ended.code}\n{ended.out}{ended.err}files: {top / 'trials'}")
    ends = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items()))
    say(
        f"{name}: {codes.total()} of {len(cases)} cases, seed {given.seed}: {wrong} wrong; exit codes {ends}; "
        f"slowest {slowest:.0f} s, largest {peak / 1e9:.2f} GB, {time.monotonic() - started:.0f} s",
    )
    return wrong


def _one(case: str) -> tuple[str, Ended | None]:
    """A case and how it ended; None where it was not begun, as the time was over."""
    if time.monotonic() > _until:
        return case, None
    part, trials, name = _trial
    folder = trials / f"{name}-{case.replace('/', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ended = trial(part.work(case, folder), folder, getattr(part, "codes", frozenset({0, 2})))
    if any((folder / "work").rglob("OWNED")):
        ended = replace(ended, wrong=(*ended.wrong, "a file's own command was run"))
    if not ended.wrong and not _keep:
        shutil.rmtree(folder, ignore_errors=True)
    return case, ended


def _told(name: str, part: Any, case: str, ended: Ended, seed: int) -> str:
    words = "; ".join(ended.wrong)[:400]
    again = f"python tests/fuzz/run.py --seed {seed} --case {name}/{case}"
    return f"wrong: {words!r} | {part.told(case)} | {again}"


if __name__ == "__main__":
    sys.exit(main())

"""A study killed with SIGKILL at random instants and resumed with the same command: are its predictions the same bytes?

    python benchmarks/kills.py --runs 50 --out FILE.json
    python benchmarks/kills.py --runs 50 --data FOLDER --card cnmc2019 --out FILE.json

In half of the runs two go on at once and share a home folder of 1 MB, with no room for either; each is killed at
instants of its own. Instants are drawn evenly over the processor time of an undisturbed run, so that they fall in every
stage however busy the machine is. Runs that were done before their first instant are counted apart, and others are made
in their place. A run that is done is not done again with the same settings and code: its record lies in the folder FILE
beside FILE.json; FILE.log tells each kill. Linux only (processor time from /proc).
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import machine
from same_study import Settings, prepare

from leukolab.base.errors import LeukolabError, RunError
from leukolab.base.files import read_json, write_json
from leukolab.base.home import Home
from leukolab.base.keys import digest, file_digest
from leukolab.base.progress import NEWS, Terminal, shown
from leukolab.base.streams import stream
from leukolab.cards.draw import draw_data_set
from leukolab.plan import Event, read_events
from leukolab.study.status import read_progress

LOOK_SECONDS = 0.05
"""Between two looks at the processor time."""
SIZE_PX = 48
STAGES = (
    "start-up", "packing", "preparing", "frozen part", "heads", "stage 2", "between jobs", "rivals", "report",
)  # fmt: skip
"""Where a kill may strike, in the order of a run."""
KINDS = {"features": "frozen part", "heads": "heads", "train": "stage 2"}
CRAMPED, CACHE = "cramped", "1MB"
"""The home folder that two runs share, and the most it may hold."""
SAME = ("predictions.parquet", "scores.parquet")
STUDY = (
    "--backbone", "tf_efficientnet_lite0", "--weights", "packaged", "--image-size", str(SIZE_PX), "--epochs", "6+3",
    "--set", "training.augment.views=2", "--set", "training.learning_rates=[0.01, 0.001]", "--set", "bootstrap=200",
    "--set", "training.batch_size=16", "--set", "seed=7",
    "--set", "report.sections=[pooled, learning_folds, ensemble_results]",
    "--set", "protocols.corrected.split={kind: nested, by: group, outer: 3, tuning: 0.2, folds: 2}",
    "--set", "runtime={device: cpu, precision: float32, threads: 1, trunk: openvino, trunk_batch_size: 16}",
)  # fmt: skip
"""The runtime is given, not measured: a kill before the choice is written down may otherwise lead to another choice."""


@dataclass(frozen=True)
class Case:
    """One run: where its jobs run, whose home folder it has, and at which shares of an undisturbed run it is killed."""

    number: int
    on: str
    home: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Attempt:
    """One start of the command: how it ended (-9 where it was killed), after how many seconds."""

    code: int
    cpu_seconds: float
    wall_seconds: float


def cases(most_kills: int, seed: int) -> Iterator[Case]:
    """Runs without end: every third in two processes.

    Of four runs the last two share a cramped home folder; of the others every fifth has one that others have filled.
    """
    for number in itertools.count(1):
        random = stream(seed, "kills", number)
        shares = tuple(float(share) for share in random.random(int(random.integers(1, most_kills + 1))))
        on, home = "local:2" if number % 3 == 0 else "local", "shared" if number % 5 == 0 else "fresh"
        yield Case(number, on, home if number % 4 in (1, 2) else CRAMPED, shares)


def together(cases: Iterator[Case]) -> Iterator[list[Case]]:
    """The same runs, those that go on at once side by side."""
    for case in cases:
        yield [case, next(cases)] if case.home == CRAMPED else [case]


def attempt(command: Sequence[str], log: Path, kill_at: float | None = None) -> Attempt:
    """Start the command, and kill it with all its processes once they have used `kill_at` seconds of processor time."""
    started, used = time.perf_counter(), 0.0
    with log.open("wb") as out:
        process = subprocess.Popen(list(command), stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    while process.poll() is None:
        used = max(used, cpu_seconds(process.pid))
        if kill_at is not None and used >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            time.sleep(LOOK_SECONDS)
    return Attempt(process.returncode, round(used, 2), round(time.perf_counter() - started, 2))


def cpu_seconds(group: int) -> float:
    """Processor time of all processes of a group, those that ended among them."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def stage_of(log: str, events: Sequence[Event], pixels: bool) -> str:
    """Where a start of the command was when it was killed.

    Args:
        log: what it has said.
        events: what it has written into the ledger.
        pixels: whether packed pixels are there.
    """
    if " images of " not in log:
        return "start-up"
    if "scores and report" in log:
        return "report"
    running: dict[str, str] = {}
    for event in events:
        if event.event == "started":
            running[event.key] = event.kind
        elif event.event in ("finished", "failed"):
            running.pop(event.key, None)
    if running:
        return KINDS[list(running.values())[-1]]
    if "simple rivals" in log:
        return "rivals"
    if events:
        return "between jobs"
    return "preparing" if pixels else "packing"


@dataclass(frozen=True)
class Bench:
    """Where everything lies, and the command but for its folders."""

    folder: Path
    study: str
    data: Path

    def command(self, run: Path, home: Path, on: str, *more: str) -> list[str]:
        """The command, the same each time."""
        program = [sys.executable, "-m", "leukolab", "--home", str(home), "study", "run", self.study]
        return [*program, "--data", str(self.data), "--out", str(run), "--on", on, *more, *STUDY]

    def home(self, case: Case) -> Path:
        """The home folder of a run; that of a cramped one has the even number of the two."""
        number = case.number + case.number % 2 if case.home == CRAMPED else case.number
        return self.folder / ("home-shared" if case.home == "shared" else f"home-{number:03}")

    def log(self, text: str) -> None:
        """Say it, and keep it."""
        NEWS.info(text)
        with self.folder.parent.with_suffix(".log").open("a", encoding="utf-8") as out:
            out.write(text + "\n")


def undisturbed(bench: Bench, on: str) -> dict[str, Any]:
    """What a run that nobody kills takes and gives."""
    record = bench.folder / f"undisturbed-{on.replace(':', '-')}.json"
    if record.exists():
        kept: dict[str, Any] = read_json(record)
        return kept
    run, home = bench.folder / "undisturbed", bench.folder / "home-undisturbed"
    for folder in (run, home):
        shutil.rmtree(folder, ignore_errors=True)
    ended = attempt(bench.command(run, home, on), bench.folder / "undisturbed.log")
    if ended.code:
        raise LeukolabError(f"undisturbed run: ended with code {ended.code}. See {bench.folder / 'undisturbed.log'}.")
    found = asdict(ended) | {"on": on, "files": {name: file_digest(run / name) for name in SAME}}
    bench.log(f"undisturbed, {on}: {ended.cpu_seconds} s of processor time, {ended.wall_seconds} s")
    write_json(record, found)
    return found


def killed_run(bench: Bench, case: Case, reference: dict[str, Any]) -> dict[str, Any]:
    """One run, killed and resumed until it is done."""
    record = bench.folder / "runs" / f"{case.number:03}.json"
    if record.exists():
        kept: dict[str, Any] = read_json(record)
        return kept
    run = bench.folder / f"run-{case.number:03}"
    home, bound = bench.home(case), ("--cache-size", CACHE) if case.home == CRAMPED else ()
    shutil.rmtree(run, ignore_errors=True)
    if case.home == "fresh":
        shutil.rmtree(home, ignore_errors=True)
    kills, last = [], Attempt(-signal.SIGKILL, 0.0, 0.0)
    for number, share in enumerate((*case.shares, None)):
        before, log = len(read_events(run)), bench.folder / f"run-{case.number:03}-{number}.log"
        kill_at = None if share is None else share * reference["cpu_seconds"]
        last = attempt(bench.command(run, home, case.on, *bound), log, kill_at)
        if last.code != -signal.SIGKILL:
            break
        said = log.read_text(encoding="utf-8", errors="replace")
        pixels = any((home / "pixels").glob("[!.]*/manifest.json"))
        stage = stage_of(said, read_events(run)[before:], pixels)
        kills.append(asdict(last) | {"stage": stage, "status": _status(run, home)})
    found = asdict(case) | {"kills": kills, "last": asdict(last), **_compared(run, last, reference)}
    bench.log(_told(found))
    if found["identical"]:
        for folder in (run, home) if case.home == "fresh" else (run,):
            shutil.rmtree(folder)
    write_json(record, found)
    return found


def _status(run: Path, home: Path) -> str:
    """What `study status` says of the killed run."""
    try:
        progress = read_progress(run, Home(home))
    except RunError:
        return "no run folder yet"
    jobs = f", {progress.plan.done} of {len(progress.plan.rows)} jobs done" if progress.plan else ""
    return progress.state + jobs


def killed_runs(bench: Bench, some: Sequence[Case], references: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs at once; a home folder of their own goes with them."""
    with ThreadPoolExecutor(len(some)) as pool:
        records = list(pool.map(lambda case: killed_run(bench, case, references[case.on]), some))
    if some[0].home == CRAMPED and all(record["identical"] for record in records):
        shutil.rmtree(bench.home(some[0]), ignore_errors=True)
    return records


def _compared(run: Path, last: Attempt, reference: dict[str, Any]) -> dict[str, Any]:
    """Whether the run ended well, and with the bytes of the undisturbed one."""
    files = {name: file_digest(run / name) for name in SAME if (run / name).exists()} if last.code == 0 else {}
    left = sorted(path.name for path in run.rglob(".*.????????"))
    return {"files": files, "identical": files == reference["files"], "left_behind": left}


def _told(found: dict[str, Any]) -> str:
    kills = "; ".join(f"killed after {kill['cpu_seconds']} s in {kill['stage']} ({kill['status']})"
                      for kill in found["kills"])  # fmt: skip
    end = "identical" if found["identical"] else f"NOT IDENTICAL (code {found['last']['code']}; kept)"
    return f"run {found['number']}, {found['on']}, {found['home']} home: {kills or 'done before its instant'}; {end}"


def _where(record: dict[str, Any]) -> str:
    return f"{record['on']}, {CACHE}" if record["home"] == CRAMPED else str(record["on"])


def table(records: Sequence[dict[str, Any]]) -> str:
    """Kills by stage, by where jobs ran and by the bound of the home folder, and how many runs gave the same bytes."""
    counts = Counter((kill["stage"], _where(record)) for record in records for kill in record["kills"])
    places = sorted({_where(record) for record in records})
    rows = [("killed in", *places)]
    rows += [(stage, *(str(counts[stage, place]) for place in places)) for stage in STAGES]
    rows += [("kills", *(str(sum(n for (_, where), n in counts.items() if where == place)) for place in places))]
    killed = [record for record in records if record["kills"]]
    for title, chosen in (
        ("runs killed", killed),
        ("identical", [record for record in killed if record["identical"]]),
        ("done before", [record for record in records if not record["kills"]]),
    ):
        rows.append((title, *(str(sum(_where(record) == place for record in chosen)) for place in places)))
    lines = [f"{row[0]:14}" + "".join(f"{cell:>15}" for cell in row[1:]) for row in rows]
    same = sum(record["identical"] for record in killed)
    return "\n".join([*lines, f"{same} of {len(killed)} killed runs gave the bytes of the undisturbed run"])


def opened(given: argparse.Namespace) -> Bench:
    """The work folder, and in it the images: drawn, or links to some of those in a folder."""
    key = digest([given.seed, given.card, given.images, STUDY, CACHE, machine.commit()])[:12]
    folder = given.out.with_suffix("") / key
    if given.data is not None:
        prepared = prepare(
            given.data, Settings(given.card, given.images, (6, 3), (0.01, 0.001), SIZE_PX), folder / "data"
        )
        return Bench(folder, str(prepared.study), prepared.images)
    if not (folder / "cells").exists():
        draw_data_set(folder / "cells", "two_class", 24, 3, SIZE_PX, given.seed)
    return Bench(folder, "demo", folder / "cells")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50, help="runs that are killed at least once")
    parser.add_argument("--most-kills", type=int, default=3, help="of one run; one at least is tried")
    parser.add_argument("--data", type=Path, help="folder of images; drawn cells where none is given")
    parser.add_argument("--card", default="cnmc2019", help="data card of --data")
    parser.add_argument("--images", type=int, default=80, help="of --data, how many")
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--out", type=Path, default=Path("kills.json"))
    return parser.parse_args()


def main() -> None:
    """Run what is not done yet, then print the table and write the JSON; exit code 1 where a run is not identical."""
    given = arguments()
    try:
        bench = opened(given)
        references = {on: undisturbed(bench, on) for on in ("local", "local:2")}
        records: list[dict[str, Any]] = []
        for some in together(cases(given.most_kills, given.seed)):
            records += killed_runs(bench, some, references)
            if sum(bool(record["kills"]) for record in records) >= given.runs:
                break
    except LeukolabError as error:
        sys.exit(f"kills: {error}")
    settings = {name: value for name, value in vars(given).items() if not isinstance(value, Path)}
    write_json(given.out, {"machine": machine.describe(), "settings": settings | {"study": STUDY},
                           "undisturbed": references, "runs": records})  # fmt: skip
    sys.stdout.write(table(records) + "\n")
    sys.exit(0 if all(record["identical"] for record in records) else 1)


if __name__ == "__main__":
    with shown(Terminal()):
        main()

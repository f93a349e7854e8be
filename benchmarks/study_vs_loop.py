"""The same study by the engine and by its peers: time, memory and accuracy, measured from outside.

    python benchmarks/study_vs_loop.py --data FOLDER --images 400 --peers engine,loop,keras,sklearn --out FILE.json

A contender that is done is not run again with the same settings and code: its result lies in the folder FILE beside
FILE.json.
A quick look: --images 40 --epochs 1,1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import machine
from contenders import CONTENDERS, PEERS, Work, keras_python
from outside import run_measured
from same_study import Prepared, Settings, prepare

from leukolab.base.errors import LeukolabError
from leukolab.base.files import write_json
from leukolab.base.keys import digest, file_digest
from leukolab.base.progress import NEWS, Terminal, shown

COLUMNS = ("contender", "wall s", "CPU s", "peak GiB", "stage 1 s", "stage 2 s", "images/s 1", "images/s 2",
           "accuracy", "champion", "times", "times, stage 1")  # fmt: skip


def run_contender(name: str, prepared: Prepared, settings: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """What contender `name` cost and found; read back where it was done before.

    Raises:
        LeukolabError: it failed; its log is named.
    """
    folder = work_folder(given.out, settings) / name
    record = folder / "record.json"
    options = given.engine_option if name.startswith("engine") else []
    code = code_of(name)
    if record.exists() and not {name, "all"} & set(given.fresh.split(",")):
        kept: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        if (kept["options"], kept["code"]) == (options, code):
            return kept
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    contender = CONTENDERS[name]
    work = Work(prepared, settings, folder, tuple(given.engine_option), given.keras_python)
    command = contender.command(work)
    NEWS.info(f"{name}: {contender.sentence}")
    measured = run_measured(command, folder / "log.txt")
    if measured.exit_code:
        raise LeukolabError(f"{name}: ended with code {measured.exit_code}, expected 0. See {folder / 'log.txt'}.")
    found = {
        "contender": name,
        "what": contender.sentence,
        "machine": machine.describe(),
        "options": options,
        "code": code,
        **asdict(measured),
        **contender.collect(work),
    }
    write_json(record, found)
    return found


def code_of(name: str) -> str | None:
    """What a kept result depends on: the commit for the engine, the peers' files for the others."""
    if name.startswith("engine"):
        return machine.commit()
    return digest({path.name: file_digest(path) for path in sorted(PEERS.glob("*.*"))})[:12]


def work_folder(out: Path, settings: Settings) -> Path:
    """Where the work with these settings lies."""
    return out.with_suffix("") / settings.key


def times(records: dict[str, dict[str, Any]]) -> None:
    """Add to each record how many times the engine's time it took: the whole, and stage 1 of those that tell it.

    Stage 1 of the engine is a run of stage 1 alone, from a cold start to its report; its stage 2 is the difference.
    """
    engine, first = records.get("engine"), records.get("engine_stage1")
    if engine and first:
        ended = {"stage1": first["wall_seconds"], "stage2": round(engine["wall_seconds"] - first["wall_seconds"], 2)}
        engine["seconds"] = ended
    for name, record in records.items():
        reference = records.get(CONTENDERS[name].reference)
        if reference and reference is not record:
            record["times"] = round(record["wall_seconds"] / reference["wall_seconds"], 2)
        stage1 = record.get("seconds", {}).get("stage1")
        if stage1 and first and CONTENDERS[name].reference == "engine" and name != "engine":
            record["times_stage1"] = round(stage1 / first["wall_seconds"], 2)


def table(records: dict[str, dict[str, Any]]) -> str:
    """Records as aligned text, one line each."""
    rows = [COLUMNS, *(_row(name, record) for name, record in records.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(name: str, record: dict[str, Any]) -> tuple[str, ...]:
    seconds, images = record.get("seconds", {}), record.get("images", {})
    found = record.get("scores") or {}
    values = [record["wall_seconds"], record["cpu_seconds"], record["peak_gib"]]
    values += [seconds.get("stage1"), seconds.get("stage2")]
    values += [images[one] / seconds[one] if images.get(one) else None for one in ("stage1", "stage2")]
    accuracies = [found.get("mean", {}).get("accuracy"), found.get("champion", {}).get("accuracy")]
    ratios = [record.get("times"), record.get("times_stage1")]
    return (
        name,
        *("" if value is None else f"{value:.1f}" for value in values),
        *("" if value is None else f"{value:.3f}" for value in accuracies),
        *("" if value is None else f"{value:.1f}" for value in ratios),
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--card", default="cnmc2019")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--subset", choices=("whole", "spread"), default="whole",
                        help="whole subjects, or a few images of every subject (evener parts)")  # fmt: skip
    parser.add_argument("--peers", default="engine,engine_stage1,loop,loop_bf16,engine_b0,keras,sklearn",
                        help=f"of {', '.join(CONTENDERS)}")  # fmt: skip
    parser.add_argument("--epochs", default="10,5", help="of stage 1 and of stage 2")
    parser.add_argument("--learning-rates", default="1e-3,1e-4,1e-5")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--seed", type=int, default=2019)
    parser.add_argument("--engine-option", action="append", default=[], metavar="OPTION",
                        help="more for 'leukolab study run', such as --engine-option=--on=local:2")  # fmt: skip
    parser.add_argument("--keras-python", type=Path, help="interpreter with Keras; else one is set up, once")
    parser.add_argument("--fresh", nargs="?", const="all", default="", metavar="NAMES",
                        help="run these again though they are done; all where no name is given")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("study_vs_loop.json"))
    given = parser.parse_args()
    given.peers = given.peers.split(",")
    unknown = [name for name in given.peers if name not in CONTENDERS]
    if unknown:
        parser.error(f"--peers {unknown[0]}: expected one of {', '.join(CONTENDERS)}")
    return given


def settings_of(given: argparse.Namespace) -> Settings:
    """What is the same for all, from the command line."""
    first, second = (int(text) for text in given.epochs.split(","))
    rates = tuple(float(text) for text in given.learning_rates.split(","))
    common = Settings(given.card, given.images, (first, second), rates)
    return replace(common, size_px=given.size_px, seed=given.seed, subset=given.subset)


def main() -> None:
    """Run what is not done yet, then print the table and write the JSON."""
    given = arguments()
    settings = settings_of(given)
    try:
        prepared = prepare(given.data, settings, work_folder(given.out, settings))
        if "keras" in given.peers:
            given.keras_python = keras_python(given.keras_python)
        records = {name: run_contender(name, prepared, settings, given) for name in given.peers}
    except LeukolabError as error:
        sys.exit(f"study_vs_loop: {error}")
    times(records)
    described = machine.describe() | {"matrix_product_gflops": machine.peaks()}
    write_json(given.out, {"machine": described, "settings": asdict(settings), "data": prepared.facts,
                           "contenders": records})  # fmt: skip
    sys.stdout.write(table(records) + "\n")


if __name__ == "__main__":
    with shown(Terminal()):
        main()

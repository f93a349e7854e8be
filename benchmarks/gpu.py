"""Engine and plain loop on a graphics card, input pipeline on and off, and what the whole V2-M study would take there.

    python benchmarks/gpu.py [--cases b3,v2m] [--out gpu.json]

`off` is the same work on a batch that lies ready on the card; what `on` takes longer is the input pipeline's share of
the time. The time of the whole study is extrapolated from the measured parts, never measured here. Without a graphics
card it ends with code 2; `--device cpu --quick` tries every part at the smallest size on the processor.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import torch
import workload
from table import aligned, number
from timing import Timed, Work, in_turn, share
from workload import BACKBONES, HEAD, LAST, WHOLE, Workload

from leukolab.base.errors import LeukolabError
from leukolab.base.files import make_folder, write_json
from leukolab.base.home import Home
from leukolab.base.progress import NEWS, Terminal, shown
from leukolab.engine import resident, runtime, views
from leukolab.engine.bank import Bank
from leukolab.engine.heads import train_heads
from leukolab.engine.network import Classifier
from leukolab.engine.pixels import Rows
from leukolab.engine.reference import plain_logits
from leukolab.engine.runners import runner_of
from leukolab.engine.source import ActivationSource, PixelSource
from leukolab.engine.training import Training
from leukolab.spec import StageSpec

COLUMNS = ("case", "part", "on, images/s", "off, images/s", "input", "of peak")
HEADS = 15
MOST_INPUT = 0.10
"""Share of the time that the input pipeline may take."""


class ReadyPixels(PixelSource):
    """Pixels that lie ready: a batch of each size is made once."""

    def pixels(self, rows: Rows, changes: views.Draw | None) -> torch.Tensor:
        """Normalised pixels of the first batch of that size."""
        made = self.__dict__.setdefault("made", {})
        if len(rows) not in made:
            made[len(rows)] = super().pixels(rows, changes)
        return made[len(rows)]


class ReadyActivations(ActivationSource):
    """Activations that lie ready."""

    def _tensor(self, rows: Rows, shown: Rows) -> torch.Tensor:
        made = self.__dict__.setdefault("made", {})
        if len(rows) not in made:
            made[len(rows)] = super()._tensor(rows, shown)
        return made[len(rows)]


@dataclass(frozen=True)
class RolePart:
    """Work with the input pipeline on, and off where there is one; operations of one image in 10^9."""

    on: Work
    off: Work | None
    gflop: float | None


def parts_of(load: Workload) -> dict[str, RolePart]:
    """What is measured of one network."""
    bank, forward = load.bank(), workload.forward_gflop(load.network, load.size_px)
    found = {
        f"engine: trunk pass, {name} view": RolePart(_filled(load, bank, view), _alone(load), forward)
        for view, name in enumerate(("plain", "changed"))
    }
    found[f"engine: {HEADS} heads together"] = RolePart(_heads(load, bank), None, None)
    if load.depth:
        found["engine: stage 2"] = _kept(load, bank, load.epoch)
        found["engine: judging"] = _kept(load, bank, lambda stage, source_of: _judge(load, source_of))
    for name, stage in (("stage 1", HEAD), ("stage 2", LAST), ("whole network", WHOLE)):
        gflop = forward if stage is HEAD else workload.step_gflop(load, stage)
        sources = (_pixels(kind, stage is HEAD) for kind in (PixelSource, ReadyPixels))
        on, off = (load.epoch(stage, source_of) for source_of in sources)
        found[f"loop: {name}"] = RolePart(on, off, gflop)
    on, off = (_judge(load, _pixels(kind, True)) for kind in (PixelSource, ReadyPixels))
    return found | {"loop: judging": RolePart(on, off, forward)}


SourceOf = Callable[[Classifier, Training], Any]


def _pixels(kind: type[PixelSource], frozen: bool) -> SourceOf:
    return lambda network, training: kind(network, training, frozen=frozen)


def _kept(load: Workload, bank: Bank, work_of: Callable[[StageSpec, SourceOf], Work]) -> RolePart:
    """Work fed from kept activations."""
    on, off = (
        work_of(LAST, lambda network, training, kind=kind: kind(bank, network, training))
        for kind in (ActivationSource, ReadyActivations)
    )
    return RolePart(on, off, None)


def _filled(load: Workload, bank: Bank, view: int) -> Work:
    def work() -> int:
        shutil.rmtree(bank.home / "features" / bank.key(view), ignore_errors=True)
        bank.fill(view, bank.shards(load.rows))
        return len(load.images)

    return work


def _alone(load: Workload) -> Work:
    """The frozen part on a batch that lies ready."""
    run, size = runner_of(load.trunk()), load.runtime.trunk_batch_size or 1
    pixels = resident.shown(load.images, load.rows[:size], None, load.runtime.device)

    def work() -> int:
        for _ in range(0, len(load.images), size):
            run(pixels)
        return -(-len(load.images) // size) * size

    return work


def _heads(load: Workload, bank: Bank) -> Work:
    trainings = [load.training(HEAD, f"head {place}") for place in range(HEADS)]

    def work() -> int:
        train_heads(trainings, lambda _: bank, 1, load.spec.model.dropout)
        return HEADS * len(load.images)

    return work


def _judge(load: Workload, source_of: SourceOf) -> Work:
    """The plain view of all images through what is left of the network."""
    network, training = load.learning(LAST)
    source = source_of(network, training)

    def work() -> int:
        plain_logits(network, training, load.rows, source)
        return len(load.images)

    return work


def measure(load: Workload, given: argparse.Namespace) -> dict[str, tuple[RolePart, Timed, Timed | None]]:
    """Every part in turn, on and off beside each other."""
    parts = parts_of(load)
    works = {(name, on): work for name, part in parts.items() for on, work in ((True, part.on), (False, part.off))}
    wait = torch.cuda.synchronize if load.runtime.device == "cuda" else lambda: None
    timed = in_turn({key: work for key, work in works.items() if work}, given.rounds, given.seconds, wait)
    return {name: (part, timed[name, True], timed.get((name, False))) for name, part in parts.items()}


def records(load: Workload, case: str, given: argparse.Namespace, peak: float) -> Iterator[dict[str, Any]]:
    """What was measured, one record a part."""
    for name, (part, on, off) in measure(load, given).items():
        yield {
            "case": case, "part": name, "on": round(on.median, 2), "off": off and round(off.median, 2),
            "rounds": [round(one, 2) for one in on.rounds], "gflop": part.gflop,
            "input_share": off and round(max(0.0, 1 - share(on, off)), 4),
            "share_of_peak": part.gflop and round(part.gflop * on.median / peak, 4),
        }  # fmt: skip


@dataclass(frozen=True)
class Study:
    """The published study: sizes that its time follows from, and each part's share of the images."""

    images: int = 12_528
    models: int = 15
    epochs: tuple[int, int] = (50, 50)
    views: int = 8
    train: float = 0.56
    validation: float = 0.14
    judged: float = 0.44
    """Validation, tuning and test, by each model at its end."""


def whole_study(speeds: dict[str, float], study: Study) -> dict[str, dict[str, float]]:
    """Seconds of each part of a whole study by engine and loop, from images a second; decoding and report left out.

    Args:
        speeds: part to images a second.
        study: the sizes.
    """
    n, models, (first, second) = study.images, study.models, study.epochs
    learned = n * (study.train + study.validation)
    judging = speeds.get("engine: judging", speeds["loop: judging"])
    stage2 = speeds.get("engine: stage 2", speeds["loop: stage 2"])

    def epochs(count: int, step: float, judge: float) -> float:
        return models * count * n * (study.train / step + study.validation / judge)

    engine = {
        "trunk": n / speeds["engine: trunk pass, plain view"]
        + study.views * learned / speeds["engine: trunk pass, changed view"],
        "stage 1": models * first * learned / speeds[f"engine: {HEADS} heads together"],
        "stage 2": epochs(second, stage2, judging),
        "predictions": models * n * study.judged / judging,
    }
    loop = {
        "stage 1": epochs(first, speeds["loop: stage 1"], speeds["loop: judging"]),
        "stage 2": epochs(second, speeds["loop: stage 2"], speeds["loop: judging"]),
        "predictions": models * n * study.judged / speeds["loop: judging"],
    }
    return {"engine": engine, "loop": loop}


def lines(found: list[dict[str, Any]], extrapolated: dict[str, dict[str, dict[str, float]]]) -> str:
    """Records as a table, then the time of a whole study."""
    rows = [COLUMNS]
    for record in found:
        shares = (record["input_share"], record["share_of_peak"])
        shown = ("" if one is None else f"{one:.1%}" for one in shares)
        rows.append((record["case"], record["part"], number(record["on"]), number(record["off"]), *shown))
    text = [aligned(rows), ""]
    for case, seconds in extrapolated.items():
        for who, parts in seconds.items():
            listed = ", ".join(f"{name} {value / 3600:.2f} h" for name, value in parts.items())
            text.append(f"{case}, whole study, {who}, EXTRAPOLATED: {sum(parts.values()) / 3600:.2f} h ({listed})")
    slow = [f"{record['case']} {record['part']}" for record in found if (record["input_share"] or 0) > MOST_INPUT]
    text.append(f"input pipeline over {MOST_INPUT:.0%} of the time: {', '.join(slow) or 'nowhere'}")
    return "\n".join(text)


def run_case(case: str, given: argparse.Namespace, folder: Path, peaks: dict[str, float]) -> list[dict[str, Any]]:
    """All parts of one network."""
    size_px, images, batch = BACKBONES[case][1], given.images, given.batch
    home = Home(make_folder(folder / case))
    chosen = {"device": given.device, "trunk": "torch", "trunk_batch_size": batch, "evaluation_batch_size": batch}
    load = workload.make(case, size_px, images, batch, chosen, home)
    NEWS.info(f"{case} at {size_px} px: {images} images, batch {batch}, {load.runtime.precision} on {given.device}")
    with runtime.settled(load.runtime):
        return list(records(load, case, given, peaks[str(load.runtime.precision)]))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--cases", type=lambda text: text.split(","), default=["b3", "v2m"])
    parser.add_argument("--quick", action="store_true", help="a tiny network, once: does everything run?")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    given = parser.parse_args()
    if given.quick:
        given.cases, given.images, given.batch, given.seconds, given.rounds = ["tiny"], 16, 8, 0.0, 1
    unknown = [case for case in given.cases if case not in BACKBONES]
    if unknown:
        parser.error(f"--cases {unknown[0]}: expected one of {', '.join(BACKBONES)}")
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write(
            "gpu: expected a graphics card, torch finds none. "
            "'--device cpu --quick' tries this benchmark on the processor; its times say nothing of a card.\n"
        )
        sys.exit(2)
    return given


def main() -> None:
    """Measure, then print the tables and write the JSON."""
    given = arguments()
    peaks = machine.peaks(8192 if given.device == "cuda" else 1024, device=given.device)
    try:
        with tempfile.TemporaryDirectory(prefix="leukolab-gpu-") as folder:
            by_case = {case: run_case(case, given, Path(folder), peaks) for case in given.cases}
    except LeukolabError as error:
        sys.exit(f"gpu: {error}")
    found = [record for records_of in by_case.values() for record in records_of]
    extrapolated = {
        case: whole_study({record["part"]: record["on"] for record in records_of}, Study())
        for case, records_of in by_case.items()
    }
    described = machine.describe() | {"matrix_product_gflops": peaks}
    settings = {name: value for name, value in vars(given).items() if name != "out"}
    write_json(given.out, {"machine": described, "settings": settings, "parts": found,
                           "extrapolated_seconds": extrapolated})  # fmt: skip
    sys.stdout.write(lines(found, extrapolated) + "\n")


if __name__ == "__main__":
    with shown(Terminal()):
        main()

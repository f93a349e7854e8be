"""Images a second of every part of a study on this machine, and what share of its matrix-product peak that is.

    python benchmarks/throughput.py [--rows decode,pack,views,trunk,fill,heads,stage2,full] [--backbones lite0,b3,v2m]

Everything of a backbone is timed in one process in turn, round by round. `fill` is the engine's pass of the frozen
part (reading packed pixels, changing them, writing shards) beside the chosen runtime alone on ready arrays. Operations
of one image are counted by torch, a multiplication and an addition as two; what learns counts three times (forward, and
twice backward). Weights are drawn at random.
A quick look: --backbones tiny --seconds 0 --rounds 1 --passes 2 --files 4.
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
import numpy as np
import workload
from table import aligned, number
from timing import Timed, Work, in_turn, share
from workload import BACKBONES, HEAD, LAST, WHOLE, Workload

from leukolab.base.errors import LeukolabError
from leukolab.base.files import make_folder, write_json
from leukolab.base.home import Home
from leukolab.base.progress import NEWS, Terminal, shown
from leukolab.cards.draw import draw_data_set
from leukolab.cards.listing import image_files
from leukolab.engine import runtime, views
from leukolab.engine.heads import train_heads
from leukolab.engine.runners import runner_of
from leukolab.engine.source import ActivationSource, PixelSource
from leukolab.images import decode, map_files, pack

COLUMNS = ("part", "backbone", "px", "images/s", "best", "CPU ms", "GFLOP", "GFLOP/s", "of peak", "of runtime")
FILES, IMAGES = ("decode", "pack"), ("views", "trunk", "fill", "heads", "stage2", "full")
HEADS, HEAD_EPOCHS = 15, 2
RUNTIMES = (("openvino", "float32"), ("openvino", "bfloat16"), ("onnxruntime", "float32"),
            ("torch", "float32"), ("torch", "bfloat16"))  # fmt: skip
BATCHES = {"lite0": 16, "b3": 16, "v2m": 8, "tiny": 8}
"""Images a pass of the frozen part."""


@dataclass(frozen=True)
class Part:
    """Something to time.

    Attributes:
        gflop: operations of one image in 10^9; None where it is no arithmetic of a network.
        precision: whose peak it is held against.
        beside: the part whose speed is its bound.
    """

    work: Work
    gflop: float | None = None
    precision: str = ""
    beside: str | None = None


def file_parts(given: argparse.Namespace, folder: Path) -> dict[str, Part]:
    """Decoding by one thread and by all, and packing, of real image files or of drawn ones."""
    paths = image_files(given.data)[: given.files] if given.data else _drawn(folder, given)
    names = [str(number) for number in range(len(paths))]

    def packed() -> int:
        home = Home(Path(tempfile.mkdtemp(dir=folder)))
        pack(paths, names, given.sizes["lite0"], None, home)
        shutil.rmtree(home.path)
        return len(paths)

    threads = runtime.resolve_runtime(workload.RuntimeSpec()).threads
    parts = {
        "decode, 1 thread": Part(lambda: sum(1 for _ in map(decode, paths))),
        f"decode, {threads} threads": Part(lambda: sum(1 for _ in map_files(decode, paths, "decoding"))),
        "pack": Part(packed),
    }
    return {name: part for name, part in parts.items() if name.partition(",")[0] in given.rows}


def _drawn(folder: Path, given: argparse.Namespace) -> list[Path]:
    drawn = draw_data_set(folder / "phantom", "two_class", 2, max(1, given.files // 2), given.drawn_px, seed=1)
    return image_files(drawn)


def network_parts(load: Workload, given: argparse.Namespace) -> dict[str, Part]:
    """Every part of a backbone that is asked for."""
    makers: dict[str, Callable[[Workload], dict[str, Part]]] = {
        "views": _views, "trunk": _trunks, "fill": _fill, "heads": _heads, "stage2": _stage2, "full": _full,
    }  # fmt: skip
    return {name: part for row in IMAGES if row in given.rows for name, part in makers[row](load).items()}


def _views(load: Workload) -> dict[str, Part]:
    draws, bank = views.draw(load.spec.training.augment, len(load.images), 1, "view 1"), load.bank()

    def changed() -> int:
        views.changed(load.images.read(load.rows), draws)
        return len(load.images)

    def kept() -> int:
        shown = np.ones_like(load.rows)
        bank.activations(load.rows, shown) if load.depth else bank.pooled(load.rows, shown)
        return len(load.images)

    return {"read and change, 1 thread": Part(changed), "read kept": Part(kept)}


def _trunks(load: Workload) -> dict[str, Part]:
    """The frozen part in every runtime that is installed, on ready arrays."""
    parts = {}
    gflop = workload.forward_gflop(load.network, load.size_px)
    for name, precision in RUNTIMES:
        try:
            work = _alone(load, trunk=name, precision=precision)
        except ImportError:
            NEWS.info(f"{name} is not installed")
            continue
        parts[f"trunk, {name} {precision}"] = Part(work, gflop, precision)
    return parts


def _alone(load: Workload, **changes: object) -> Work:
    """Passes over ready arrays, as many as the images make, each other pixels."""
    run, size = runner_of(load.trunk(**changes)), load.runtime.trunk_batch_size or 1
    passes = [load.images.read(load.rows[start : start + size]) for start in range(0, len(load.images), size)]

    def work() -> int:
        for pixels in passes:
            run(pixels)
        return len(load.images)

    return work


def _fill(load: Workload) -> dict[str, Part]:
    """The engine's pass of the plain view and of a changed one, beside the same runtime alone."""
    gflop, precision = workload.forward_gflop(load.network, load.size_px), str(load.runtime.precision)
    bank, alone = load.bank(), f"trunk, {load.runtime.trunk} alone"

    def filled(view: int) -> int:
        shutil.rmtree(bank.home / "features" / bank.key(view), ignore_errors=True)
        bank.fill(view, bank.shards(load.rows))
        return len(load.images)

    return {
        alone: Part(_alone(load), gflop, precision),
        "engine pass, plain view": Part(lambda: filled(0), gflop, precision, alone),
        "engine pass, changed view": Part(lambda: filled(1), gflop, precision, alone),
    }


def _heads(load: Workload) -> dict[str, Part]:
    """Stage 1 of fifteen models together, from kept features; every head counts each image."""
    stage = HEAD.model_copy(update={"epochs": HEAD_EPOCHS})
    trainings, bank = [load.training(stage, f"head {number}") for number in range(HEADS)], load.bank()

    def work() -> int:
        train_heads(trainings, lambda _: bank, 1, load.spec.model.dropout)
        return HEADS * HEAD_EPOCHS * len(load.images)

    return {f"heads, {HEADS} together": Part(work, 6 * bank.width / 1e9, "float32")}


def _stage2(load: Workload) -> dict[str, Part]:
    """Training of the last stage from kept activations, and by the plain loop from pixels."""
    bank, precision = load.bank(), str(load.runtime.precision)
    from_pixels = load.epoch(LAST, lambda network, training: PixelSource(network, training, frozen=False))
    loop = {"last stage, plain loop": Part(from_pixels, workload.step_gflop(load, LAST), precision)}
    if not load.depth:
        return loop
    kept = load.epoch(LAST, lambda network, training: ActivationSource(bank, network, training))
    return {
        "last stage, kept activations": Part(kept, workload.step_gflop(load, LAST, from_pixels=False), precision)
    } | loop


def _full(load: Workload) -> dict[str, Part]:
    """Training of the whole network."""
    work = load.epoch(WHOLE, lambda network, training: PixelSource(network, training, frozen=False))
    return {"whole network": Part(work, workload.step_gflop(load, WHOLE), str(load.runtime.precision))}


def measure(parts: dict[str, Part], given: argparse.Namespace) -> dict[str, Timed]:
    """All parts in turn."""
    return in_turn({name: part.work for name, part in parts.items()}, given.rounds, given.seconds)


def records(
    parts: dict[str, Part], timed: dict[str, Timed], peaks: dict[str, float], head: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What was measured, one record a part."""
    for name, part in parts.items():
        speed = timed[name]
        gflops = part.gflop and part.gflop * speed.median
        yield head | {
            "part": name, "images_per_second": round(speed.median, 2), "best": round(speed.best, 2),
            "rounds": [round(one, 2) for one in speed.rounds], "cpu_ms": round(speed.cpu_ms, 3), "gflop": part.gflop,
            "gflops": gflops, "share_of_peak": gflops and gflops / peaks[part.precision],
            "share_of_runtime": share(speed, timed[part.beside]) if part.beside else None,
        }  # fmt: skip


def lines(found: list[dict[str, Any]]) -> str:
    """Records as a table."""
    return aligned([COLUMNS, *(_row(record) for record in found)])


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    shares = (record["share_of_peak"], record["share_of_runtime"])
    return (
        record["part"], record["backbone"], str(record["size_px"] or ""),
        number(record["images_per_second"]), number(record["best"]), number(record["cpu_ms"], 2),
        number(record["gflop"], 3), number(record["gflops"]),
        *("" if one is None else f"{one:.1%}" for one in shares),
    )  # fmt: skip


def run(given: argparse.Namespace, folder: Path, peaks: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Everything that is asked for."""
    if set(FILES) & set(given.rows):
        parts = file_parts(given, folder)
        yield from records(parts, measure(parts, given), peaks, {"backbone": "", "size_px": None})
    for name in given.backbones if set(IMAGES) & set(given.rows) else ():
        home = Home(make_folder(folder / name))
        batch = BATCHES[name]
        chosen = {"trunk_batch_size": batch, "device": "cpu"}
        load = workload.make(name, given.sizes[name], given.passes * batch, given.batch, chosen, home)
        NEWS.info(
            f"{name} at {load.size_px} px: {len(load.images)} images, {load.runtime.trunk} {load.runtime.precision}"
        )
        with runtime.settled(load.runtime):
            parts = network_parts(load, given)
            yield from records(parts, measure(parts, given), peaks, {"backbone": name, "size_px": load.size_px})
        shutil.rmtree(home.path)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: text.split(","), default=[*FILES, *IMAGES])
    parser.add_argument("--backbones", type=lambda text: text.split(","), default=["lite0", "b3", "v2m"])
    parser.add_argument("--size-px", type=int, help="edge of an image; that of the studies where not given")
    parser.add_argument("--passes", type=int, default=8, help="of the frozen part over the images of a round")
    parser.add_argument("--batch", type=int, default=32, help="images of a training step")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a part in a round, at least")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder of images to decode and pack; else they are drawn")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--drawn-px", type=int, default=450)
    parser.add_argument("--out", type=Path, default=Path("throughput.json"))
    given = parser.parse_args()
    for what, known in (("rows", (*FILES, *IMAGES)), ("backbones", tuple(BACKBONES))):
        unknown = [name for name in getattr(given, what) if name not in known]
        if unknown:
            parser.error(f"--{what} {unknown[0]}: expected one of {', '.join(known)}")
    given.sizes = {name: given.size_px or size for name, (_, size) in BACKBONES.items()}
    return given


def main() -> None:
    """Measure, then print the table and write the JSON."""
    given = arguments()
    peaks = machine.peaks()
    try:
        with tempfile.TemporaryDirectory(prefix="leukolab-throughput-") as folder:
            found = list(run(given, Path(folder), peaks))
    except LeukolabError as error:
        sys.exit(f"throughput: {error}")
    described = machine.describe() | {"matrix_product_gflops": peaks, "matrix_product_gflops_after": machine.peaks()}
    settings = {name: value for name, value in vars(given).items() if name not in ("out", "data")}
    write_json(given.out, {"machine": described, "settings": settings, "parts": found})
    sys.stdout.write(lines(found) + "\n")
    sys.stdout.write("matrix-product peak, GFLOP/s: " + ", ".join(f"{k} {v:,.0f}" for k, v in peaks.items()) + "\n")


if __name__ == "__main__":
    with shown(Terminal()):
        main()

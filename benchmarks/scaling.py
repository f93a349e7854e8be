"""What a study costs against its images, views, models and folds, and whether its peak of memory stays flat.

    python benchmarks/scaling.py [--vary images,views,models,folds] [--images 1000,12528] [--out scaling.json]

Each point is a whole `leukolab study run`, cold, in processes of its own, measured from outside. Its images are
phantoms, each with other pixels, of the same number of subjects at every point. All points but those of `images`
have --base-images. A quick look: --vary images --images 60,120 --size-px 48.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import machine
import yaml
from outside import run_measured
from table import aligned, number

from leukolab.base.errors import LeukolabError, RunError
from leukolab.base.files import make_folder, write_json, write_text
from leukolab.base.progress import NEWS, Terminal, shown
from leukolab.cards.draw import draw_data_set
from leukolab.spec import DataSpec, load_study

COLUMNS = ("varied", "images", "views", "models", "folds", "wall s", "CPU s", "peak GiB", "private GiB", "added",
           "memory")  # fmt: skip
VARIED = ("images", "views", "models", "folds")
FLAT = 0.10
"""How much the peak may rise from the smallest to the largest number of images."""


@dataclass(frozen=True)
class Point:
    """One study: `views` of each image that trains, `rates` learning rates times `folds` models."""

    images: int
    views: int = 1
    rates: int = 1
    folds: int = 2

    @property
    def models(self) -> int:
        """Models that are trained."""
        return self.rates * self.folds


def points(varied: str, given: argparse.Namespace) -> list[Point]:
    """The studies of one question, smallest first."""
    base = Point(given.base_images)
    changes: dict[str, list[dict[str, int]]] = {
        "images": [{"images": images} for images in given.images],
        "views": [{"views": views} for views in (1, 2, 4)],
        "models": [{"rates": rates} for rates in (1, 2, 4)],
        "folds": [{"folds": folds} for folds in (2, 3, 5)],
    }
    return [replace(base, **change) for change in changes[varied]]


def write_study(point: Point, given: argparse.Namespace, path: Path) -> None:
    """The shipped study `wen` on the phantom with Lite0, as many epochs as the most views, and no early stopping."""
    first, second = given.epochs
    rates = [round(1e-3 / 2**number, 9) for number in range(point.rates)]
    spec = load_study("wen", [
        f"training.learning_rates={rates}", f"training.augment.views={point.views}",
        f"image.size_px={given.size_px}", f"model.backbone={given.backbone}", f"model.weights={given.weights}",
        f"protocols.corrected.split.folds={point.folds}", "protocol=corrected", "outer_parts=[1]",
        f"bootstrap={given.bootstrap}",
    ])  # fmt: skip
    raw = spec.model_copy(update={"data": DataSpec(card="phantom")}).model_dump(mode="json")
    for stage, epochs in zip(raw["readings"]["two_stage"]["stages"], (first, second), strict=True):
        stage.update(epochs=epochs, patience=None)
    write_text(path, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))


def phantom(images: int, given: argparse.Namespace) -> Path:
    """About so many drawn cells of `--subjects` subjects, as many of each; drawn once."""
    each = max(1, round(images / given.subjects))
    folder = given.work / f"phantom-{given.subjects}x{each}"
    return draw_data_set(folder, "two_class", given.subjects, each, given.drawn_px, seed=2019)


def run_point(point: Point, given: argparse.Namespace) -> dict[str, Any]:
    """What the study cost.

    Raises:
        RunError: it failed; its log is named.
    """
    data = phantom(point.images, given)
    there = sum(1 for _ in data.glob("*/*.png"))
    NEWS.info(f"{there:,} images, {point.views} views, {point.models} models of {point.folds} folds")
    folder = make_folder(given.work / "point")
    write_study(point, given, folder / "study.yaml")
    log = given.work / "log.txt"
    measured = run_measured(_command(folder, data), log)
    if measured.exit_code:
        raise RunError(f"scaling: a study ended with code {measured.exit_code}, expected 0. See {log}.")
    shutil.rmtree(folder)
    return asdict(point) | {"images": there, "models": point.models, **asdict(measured)}


def _command(folder: Path, data: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "leukolab", "--home", str(folder / "home"), "study", "run"),
        *(str(folder / "study.yaml"), "--data", str(data), "--out", str(folder / "run")),
    ]


def compare(varied: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds that one more costs, by the first and the last point, and how much memory rose between them.

    Returns:
        `cpu_seconds_each`, `wall_seconds_each`, `memory_rise` and `private_rise` as shares of the first point's peak
        (None where the system does not tell), `private_bytes_each`.
    """
    first, last = found[0], found[-1]
    more = max(last[varied] - first[varied], 1)
    each = {
        f"{what}_seconds_each": round((last[f"{what}_seconds"] - first[f"{what}_seconds"]) / more, 4)
        for what in ("cpu", "wall")
    }
    rise = {name: _rise(first[peak], last[peak]) for name, peak in PEAKS.items()}
    held = None if rise["private_rise"] is None else last["peak_private_gib"] - first["peak_private_gib"]
    return each | rise | {"private_bytes_each": held and round(held * 2**30 / more)}


PEAKS = {"memory_rise": "peak_gib", "private_rise": "peak_private_gib"}


def _rise(first: float | None, last: float | None) -> float | None:
    return round(last / first - 1, 4) if first and last else None


def lines(records: dict[str, dict[str, Any]]) -> str:
    """The points as a table, and a sentence on each question."""
    rows = [COLUMNS]
    for varied, record in records.items():
        rows += [_row(varied, found, record["points"][0]) for found in record["points"]]
    return "\n".join([aligned(rows), "", *(_sentence(varied, record) for varied, record in records.items())])


def _row(varied: str, found: dict[str, Any], first: dict[str, Any]) -> tuple[str, ...]:
    rise = _rise(first["peak_gib"], found["peak_gib"])
    return (
        varied,
        *(f"{found[name]:,}" for name in VARIED),
        *(number(found[name]) for name in ("wall_seconds", "cpu_seconds")),
        *(number(found[name], 3) for name in ("peak_gib", "peak_private_gib")),
        number(found["cpu_seconds"] - first["cpu_seconds"]),
        "" if rise is None else f"{rise:+.1%}",
    )


def _sentence(varied: str, record: dict[str, Any]) -> str:
    one = {"images": "1,000 more images", "views": "one more view", "models": "one more model",
           "folds": "one more fold (and its model)"}[varied]  # fmt: skip
    factor = 1000 if varied == "images" else 1
    text = f"{one}: {record['cpu_seconds_each'] * factor:.1f} CPU s, {record['wall_seconds_each'] * factor:.1f} s"
    if varied == "images" and record["memory_rise"] is not None:
        flat = "flat" if record["memory_rise"] <= FLAT else "NOT flat"
        text += f"; peak memory {record['memory_rise']:+.1%}: {flat} (at most {FLAT:.0%})"
    return text


@contextmanager
def work_folder(folder: Path | None) -> Iterator[Path]:
    """The folder that was asked for, else one that is gone at the end."""
    if folder is not None:
        yield make_folder(folder)
        return
    with tempfile.TemporaryDirectory(prefix="leukolab-scaling-") as name:
        yield Path(name)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vary", type=lambda text: text.split(","), default=list(VARIED))
    parser.add_argument("--images", type=_whole_numbers, default=[1000, 12528], help="for --vary images")
    parser.add_argument("--base-images", type=int, default=1000, help="for everything else")
    parser.add_argument("--epochs", type=_whole_numbers, default=[4, 1], help="of stage 1 and of stage 2")
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--drawn-px", type=int, default=64, help="edge of the image files")
    parser.add_argument("--subjects", type=int, default=58)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0.in1k")
    parser.add_argument("--weights", default="none")
    parser.add_argument("--bootstrap", type=int, default=2000, help="resamples of each interval")
    parser.add_argument("--work", type=Path, help="folder for images, runs and logs; else a temporary one")
    parser.add_argument("--out", type=Path, default=Path("scaling.json"))
    given = parser.parse_args()
    unknown = [name for name in given.vary if name not in VARIED]
    if unknown or len(given.images) < 1 or len(given.epochs) != 2:
        parser.error(f"expected --vary of {', '.join(VARIED)}, --images, two --epochs")
    return given


def _whole_numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Run all points, then print the table and write the JSON."""
    given = arguments()
    settings = {name: value for name, value in vars(given).items() if name not in ("work", "out")}
    records: dict[str, dict[str, Any]] = {}
    try:
        with work_folder(given.work) as given.work:
            for varied in given.vary:
                found = [run_point(point, given) for point in points(varied, given)]
                records[varied] = {"points": found, **compare(varied, found)}
    except LeukolabError as error:
        sys.exit(f"scaling: {error}")
    write_json(given.out, {"machine": machine.describe(), "settings": settings, "varied": records})
    sys.stdout.write(lines(records) + "\n")


if __name__ == "__main__":
    with shown(Terminal()):
        main()

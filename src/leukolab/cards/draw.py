"""Draws a phantom data set into a folder: PNG files by class, their truth, and the settings they came from."""

from __future__ import annotations

import csv
import io
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from leukolab.base.errors import DataError, SpecError, nearest
from leukolab.base.files import make_folder, read_json, storage, write_json, write_text
from leukolab.base.outputs import alone
from leukolab.base.progress import progress
from leukolab.base.streams import stream
from leukolab.images.phantom import CellTruth, PhantomSpec, SubjectLook, draw_cell, subject_look

GENERATOR_VERSION = 1
"""Increased whenever the same settings would give other bytes."""

SETTINGS_FILE = "phantom.json"
TRUTH_FILE = "truth.csv"


@dataclass(frozen=True)
class Layout:
    """Classes of a phantom in order, the stages of each, and what stands behind the cell."""

    stages: dict[str, tuple[str, ...]]
    background: str


LAYOUTS: dict[str, Layout] = {
    "two_class": Layout({"normal": ("normal",), "all": ("early", "pre", "pro")}, "black"),
    "four_class": Layout({"benign": ("normal",), "early": ("early",), "pre": ("pre",), "pro": ("pro",)}, "smear"),
}
"""Layouts by name. The subjects of a class take its stages in turn."""


@dataclass(frozen=True)
class _Subject:
    name: str
    class_name: str
    stage: str
    look: SubjectLook


def draw_data_set(
    out: str | Path,
    layout: str,
    subjects: int,
    images_per_subject: int,
    size_px: int,
    seed: int,
    spec: PhantomSpec | None = None,
) -> Path:
    """Draw a phantom into `out`, whole or not at all: `<class>/<subject>_<n>.png`, `truth.csv`, `phantom.json`.

    Args:
        out: a new or empty folder, or one that holds this very phantom, which is then kept.
        layout: `two_class` or `four_class`.
        subjects: number of all; they take the classes in turn.
        images_per_subject: one cell each.
        size_px: edge of the images.
        seed: the same seed and settings give the same bytes.
        spec: strengths; its background is the layout's.

    Returns:
        `out`.

    Raises:
        DataError: `out` holds something else.
        SpecError: a setting is out of range.
        StorageError: the disk is full or may not be written.
    """
    out = Path(out)
    if layout not in LAYOUTS:
        raise SpecError(f"phantom: layout: no '{layout}'. {nearest(layout, LAYOUTS)}")
    _check_counts(layout, subjects, images_per_subject, size_px)
    spec = replace(spec or PhantomSpec(), background=LAYOUTS[layout].background)  # type: ignore[arg-type]
    counts = {"subjects": subjects, "images_per_subject": images_per_subject, "size_px": size_px}
    settings = {"layout": layout, "seed": seed, "synthetic": True, "generator": GENERATOR_VERSION}
    settings = {**settings, **counts, "spec": asdict(spec)}
    if _holds(out, settings):
        return out
    people = list(_people(layout, subjects, spec, seed))
    _write(out, settings, people, spec)
    return out


def _check_counts(layout: str, subjects: int, images_per_subject: int, size_px: int) -> None:
    classes = len(LAYOUTS[layout].stages)
    if not classes <= subjects <= 999:
        raise SpecError(f"phantom: subjects: expected {classes} (one per class of '{layout}') to 999, got {subjects}.")
    if not 1 <= images_per_subject <= 9999:
        raise SpecError(f"phantom: images: expected 1 to 9999 per subject, got {images_per_subject}.")
    if not 32 <= size_px <= 1024:
        raise SpecError(f"phantom: size: expected 32 to 1024 pixels, got {size_px}.")


def _holds(out: Path, settings: dict[str, Any]) -> bool:
    """Whether `out` is this phantom already; False where it is absent or empty.

    Raises:
        DataError: it is another phantom, an incomplete one, or no phantom.
    """
    if out.is_file():
        raise DataError(f"{out}: expected a folder, found a file. Choose another folder.")
    if not out.is_dir() or not any(out.iterdir()):
        return False
    if not (out / SETTINGS_FILE).is_file():
        raise DataError(f"{out}: expected an empty folder or a phantom, found other files. Choose another folder.")
    if read_json(out / SETTINGS_FILE) != settings:
        raise DataError(f"{out}: holds a phantom drawn with other settings. Choose another folder, or delete this one.")
    expected = settings["subjects"] * settings["images_per_subject"]
    found = sum(1 for _ in out.glob("*/*.png"))
    if found != expected or not (out / TRUTH_FILE).is_file():
        raise DataError(
            f"{out}: expected {expected} images and {TRUTH_FILE}, found {found} images. Delete it and draw again."
        )
    return True


def _people(layout: str, subjects: int, spec: PhantomSpec, seed: int) -> Iterator[_Subject]:
    """The subjects: they take the classes in turn, and inside a class its stages in turn."""
    classes = list(LAYOUTS[layout].stages.items())
    for number in range(subjects):
        class_name, stages = classes[number % len(classes)]
        name = f"S{number + 1:03d}"
        stage = stages[number // len(classes) % len(stages)]
        yield _Subject(name, class_name, stage, subject_look(spec, seed, name))


def _write(out: Path, settings: dict[str, Any], people: list[_Subject], spec: PhantomSpec) -> None:
    """Draw into a folder beside `out` and rename it there at the end; where `out` is a link, to where it leads."""
    out = out.resolve()
    beside = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    with alone(out):
        try:
            rows = list(_draw_all(beside, settings, people, spec))
            write_text(beside / TRUTH_FILE, _as_csv(rows))
            write_json(beside / SETTINGS_FILE, settings)
            with storage(out):
                if out.is_dir():
                    out.rmdir()
                beside.rename(out)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _draw_all(
    folder: Path, settings: dict[str, Any], people: list[_Subject], spec: PhantomSpec
) -> Iterator[dict[str, Any]]:
    """Draw and write every image; yield its row of the truth table."""
    for name in LAYOUTS[settings["layout"]].stages:
        make_folder(folder / name)
    places = [(who, n) for who in people for n in range(1, settings["images_per_subject"] + 1)]
    for who, n in progress(places, len(places), "drawing the phantom"):
        rng = stream(settings["seed"], "phantom cell", who.name, n)
        image, truth = draw_cell(spec, who.stage, who.look, rng, settings["size_px"])
        path = f"{who.class_name}/{who.name}_{n:04d}.png"
        with storage(folder):
            Image.fromarray(image).save(folder / path, compress_level=1)
        yield _row(path, who, truth)


def _row(path: str, who: _Subject, truth: CellTruth) -> dict[str, Any]:
    values = {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(truth).items()}
    return {"image_id": path, "class_name": who.class_name, "subject": who.name, **values}


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()

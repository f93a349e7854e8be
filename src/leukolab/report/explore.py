"""The exploratory analysis of a data set as one self-contained HTML page: what is there, before any training."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from leukolab.base.errors import DataError, ImageError
from leukolab.base.findings import Finding
from leukolab.base.outputs import check_output, output
from leukolab.cards.card import Card
from leukolab.images import (
    CELL_NAMES,
    COLOUR_NAMES,
    IMAGE_SUFFIXES,
    PixelStore,
    cell_statistics,
    colour_statistics,
    decode,
    fit,
    map_files,
    pixel_digest,
    pixel_findings,
    pixel_range,
)
from leukolab.report.names import data_set_name
from leukolab.report.template import filled
from leukolab.report.texts import Texts, load_texts

SAMPLES = 8
"""Images shown of each class, evenly spaced over its files."""

BINS = 32

_SAMPLE_PX = 144
_HISTOGRAMS = ("brightness", "saturation_mean", "area_px", "width_px", "height_px")
"""Columns; the texts `histograms.<column>` and `histogram_units.<column>` name them."""


@dataclass(frozen=True)
class Histogram:
    """One number of every image, counted in equal bins, class by class."""

    title: str
    unit: str
    low: float
    high: float
    bars: tuple[tuple[str, tuple[float, ...], float], ...]
    """Class, heights from 0 to 1 of its own highest bin, and its median."""


def explore(
    index: pd.DataFrame,
    store: PixelStore,
    card: Card,
    out: Path,
    language: str = "en",
    findings: tuple[Finding, ...] = (),
) -> Path:
    """Measure every image of an index at full resolution, and write the page.

    Args:
        index: one row per image, see `cards.index.make_index`; paths are opened here, unreadable ones listed.
        store: packed pixels of the same images, from which the samples are taken.
        card: of the same data set.
        out: the HTML file (or a file, link or device that is there), or a folder in which `explore.html` is written.
        language: of the page; what the card says of itself stays as it is.
        findings: of how the images were read; those of odd pixels are added here.

    Returns:
        The file that was written.

    Raises:
        DataError: none of the images can be read.
        StorageError: the file cannot be written, or is one of the images.
    """
    texts = load_texts(language)
    named = out.suffix.lower() in (".html", ".htm", *IMAGE_SUFFIXES) or (out.exists() and not out.is_dir())
    page = out if named else out / "explore.html"
    check_output(page, map(Path, index["path"]), IMAGE_SUFFIXES)
    table, unreadable = measure(index)
    content = _content(table, store, unreadable, card) | _drawn(table, texts)
    content["findings"] = findings + pixel_findings(list(table["image_id"]), list(table["pixel_range"]))
    title = data_set_name(card.name, card.title, texts)
    with output(page) as temporary:
        temporary.write_text(filled("explore.html.j2", content | {"t": texts, "title": title}), encoding="utf-8")
    return page


def measure(index: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    """The readable rows with width, height, digest, colour and cell statistics; and (image_id, sentence) of the others.

    Raises:
        DataError: none can be read.
    """
    rows = list(map_files(_numbers, list(index["path"]), "Looking at images"))
    sentences = [row if isinstance(row, str) else None for row in rows]
    unreadable = [(str(name), s) for name, s in zip(index["image_id"], sentences, strict=True) if s is not None]
    readable = [row for row in rows if not isinstance(row, str)]
    if not readable:
        first = unreadable[0][1] if unreadable else "There are none."
        raise DataError(f"expected images that can be read, found none among {len(index):,}. {first}")
    kept = index[[sentence is None for sentence in sentences]].drop(
        columns=["width", "height", "pixel_digest"], errors="ignore"
    )
    return pd.concat([kept.reset_index(drop=True), pd.DataFrame(readable)], axis=1), unreadable


def _numbers(path: str) -> dict[str, Any] | str:
    try:
        image = decode(Path(path))
    except ImageError as error:
        return str(error)
    height, width = image.shape[:2]
    colour = dict(zip(COLOUR_NAMES, colour_statistics(image).tolist(), strict=True))
    cell = dict(zip(CELL_NAMES, cell_statistics(image).tolist(), strict=True))
    brightness = (colour["red_mean"] + colour["green_mean"] + colour["blue_mean"]) / 3
    digest = pixel_digest(image)
    facts = {"width": width, "height": height, "pixel_digest": digest, "pixel_range": pixel_range(image)}
    return facts | {"brightness": brightness, **colour, **cell}


def _content(table: pd.DataFrame, store: PixelStore, unreadable: list[tuple[str, str]], card: Card) -> dict[str, Any]:
    names = _names(table)
    return {
        "card": card,
        "classes": names,
        "images": len(table),
        "subjects": int(table["subject"].nunique()),
        "identical": int(table["pixel_digest"].duplicated(keep=False).sum()),
        "unreadable": unreadable,
        "by_class": _by_class(table, names),
        "by_part": _by_part(table, names),
        "sizes": _sizes(table),
        "samples": [(name, _samples(table.loc[table["class_name"] == name, "image_id"], store)) for name in names],
    }


def _drawn(table: pd.DataFrame, texts: Texts) -> dict[str, Any]:
    """The histograms, with their titles."""
    names = _names(table)
    return {
        "per_subject": _per_subject(table, names, texts),
        "histograms": [_histogram(table, names, column, texts) for column in _HISTOGRAMS],
    }


def _names(table: pd.DataFrame) -> list[str]:
    """Names of the classes, in the order of their labels."""
    return [str(name) for name in table.drop_duplicates("label").sort_values("label")["class_name"]]


def _by_class(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        chosen = table[table["class_name"] == name]
        colour = [round(float(chosen[f"{channel}_mean"].mean())) for channel in ("red", "green", "blue")]
        cell = [round(float(chosen[f"cell_{channel}_mean"].mean())) for channel in ("red", "green", "blue")]
        rows.append(
            {
                "name": name,
                "images": len(chosen),
                "share": len(chosen) / len(table),
                "subjects": int(chosen["subject"].nunique()),
                "colour": colour,
                "cell_colour": cell,
                "brightness": float(chosen["brightness"].mean()),
                "area": float(chosen["area_px"].median()),
            }
        )
    return rows


def _by_part(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Images and subjects by part and official fold."""
    folds = table["official_fold"].astype("string").fillna("")
    rows = []
    for (part, fold), chosen in table.assign(fold=folds).groupby(["part", "fold"], sort=True):
        counts = [int((chosen["class_name"] == name).sum()) for name in names]
        subjects = int(chosen["subject"].nunique())
        rows.append({"part": part, "fold": fold, "counts": counts, "images": len(chosen), "subjects": subjects})
    return rows


def _per_subject(table: pd.DataFrame, names: Sequence[str], texts: Texts) -> Histogram | None:
    """How many images a subject has; None where subjects are unknown."""
    if table["subject"].isna().all():
        return None
    counts = (
        table.dropna(subset=["subject"]).groupby(["class_name", "subject"], as_index=False).agg(n=("label", "size"))
    )
    values = [(name, counts.loc[counts["class_name"] == name, "n"].to_numpy(float)) for name in names]
    return _binned(texts("explore.per_subject"), texts("explore.per_subject_unit"), values)


def _sizes(table: pd.DataFrame) -> list[tuple[str, int]]:
    """The twelve commonest sizes with their number of images."""
    sizes = (table["width"].astype(str) + " x " + table["height"].astype(str)).value_counts().head(12)
    return [(str(size), int(count)) for size, count in sizes.items()]


def _histogram(table: pd.DataFrame, names: Sequence[str], column: str, texts: Texts) -> Histogram:
    values = [(name, table.loc[table["class_name"] == name, column].to_numpy(float)) for name in names]
    return _binned(texts.name("histograms", column), texts.name("histogram_units", column), values)


def _binned(title: str, unit: str, values: Sequence[tuple[str, NDArray[np.float64]]]) -> Histogram:
    """The middle 99 in 100 of all values set the range; those beyond it count in the first and the last bin."""
    together = np.concatenate([numbers for _, numbers in values])
    low, high = (float(edge) for edge in np.percentile(together, [0.5, 99.5]))
    high = high if high > low else low + 1
    bars = []
    for name, numbers in values:
        counts = np.histogram(np.clip(numbers, low, high), bins=BINS, range=(low, high))[0]
        heights = tuple(float(height) for height in counts / max(1, counts.max()))
        bars.append((name, heights, float(np.median(numbers)) if len(numbers) else low))
    return Histogram(title, unit, low, high, tuple(bars))


def _samples(image_ids: pd.Series, store: PixelStore) -> list[tuple[str, str]]:
    """(image_id, data address) of evenly spaced images of one class."""
    rows = np.unique(np.linspace(0, len(image_ids) - 1, SAMPLES).round().astype(int))
    shown = [str(image_ids.iloc[row]) for row in rows]
    return [(name, _data_address(store.array[row])) for name, row in zip(shown, store.rows(shown), strict=True)]


def _data_address(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(fit(pixels, _SAMPLE_PX)).save(stream, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")

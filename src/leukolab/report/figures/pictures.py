"""Cells shown in the page: samples of each class, wrongly called ones, and how bright they are."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from leukolab.report import chosen
from leukolab.report.items import Gallery, Tile
from leukolab.report.names import Names
from leukolab.report.run import Run

Array = np.ndarray[Any, Any]
Thumbnail = Callable[[str], Array]

EDGE_PX = 112
"""Edge of a picture in the page."""

SAMPLES = 6
"""Pictures of each class."""

WRONG = 48
"""Wrongly called cells shown at most."""

LOOKED_AT = 60
"""Images of each class whose brightness is drawn."""


def spread(items: Sequence[str], count: int) -> list[str]:
    """`count` of `items`, evenly spaced from first to last."""
    if len(items) <= count:
        return list(items)
    return [items[place] for place in np.linspace(0, len(items) - 1, count).round().astype(int)]


def shown(picture: Array, edge_px: int = EDGE_PX) -> Array:
    """A picture (h, w, 3) uint8 no larger than `edge_px`."""
    image = Image.fromarray(np.ascontiguousarray(picture, dtype=np.uint8))
    image.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.asarray(image)


def data_uri(picture: Array) -> str:
    """A picture (h, w, 3) uint8 as a JPEG inside a data URI."""
    stream = io.BytesIO()
    Image.fromarray(shown(picture)).save(stream, format="JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def by_class(run: Run, count: int) -> dict[str, list[str]]:
    """Image ids of each class, evenly spaced through the index."""
    index = run.index
    rows = {name: index[index["class_name"] == name]["image_id"].astype(str).tolist() for name in run.class_names}
    return {name: spread(found, count) for name, found in rows.items()}


def brightness(run: Run, thumbnail: Thumbnail) -> dict[str, Array]:
    """Mean grey value (0 to 255) of some images of each class, black background left out."""
    return {
        name: np.array([_grey(thumbnail(image_id)) for image_id in found])
        for name, found in by_class(run, LOOKED_AT).items()
    }


def _grey(picture: Array) -> float:
    """Mean of the grey values over 8; of all where there are none."""
    grey = picture[::2, ::2].astype(float) @ np.array([0.299, 0.587, 0.114])
    lit = grey[grey > 8]
    return float(lit.mean() if lit.size else grey.mean())


def wrong_calls(run: Run) -> pd.DataFrame:
    """Wrongly called test images of the member offered for use: missed ones first, the surest first.

    Returns:
        image_id, actual, called_as, probability (of the class called), missed (the disease called a class without it).
    """
    wrong, names = chosen.wrong_calls(run), run.class_names
    found = pd.DataFrame(
        {
            "image_id": wrong["image_id"].astype(str),
            "actual": [names[int(label)] for label in wrong["label"]],
            "called_as": [names[int(label)] for label in wrong["called"]],
            "probability": wrong["p"].to_numpy(float),
        }
    )
    classes = run.card.classes
    found["missed"] = found["actual"].isin(classes.positive) & found["called_as"].isin(classes.negative)
    return found.sort_values(["missed", "probability", "image_id"], ascending=[False, False, True], ignore_index=True)


def wrong_gallery(run: Run, thumbnail: Thumbnail, names: Names) -> Gallery | None:
    """The gallery of wrongly called cells; none where nothing was wrong."""
    table = wrong_calls(run)
    if table.empty:
        return None
    missed, others = table[table["missed"]], table[~table["missed"]]
    room = max(WRONG // 2, WRONG - len(others))
    texts = names.texts
    rows = [(texts("gallery.missed", count=len(missed), pairs=_pairs(missed, names)), missed.head(room))]
    rows.append((texts("gallery.other", count=len(others)), others.head(WRONG - min(room, len(missed)))))
    tiles = tuple((title, _tiles(found, thumbnail, names)) for title, found in rows if len(found))
    return Gallery(
        "wrong_calls",
        tiles,
        frame=table,
        values={
            "count": len(table),
            "shown": sum(len(row) for _, row in tiles),
            "order": texts("gallery.missed_first") if len(missed) else texts("gallery.surest_first"),
        },
    )


def _pairs(missed: pd.DataFrame, names: Names) -> str:
    """Which class was called which, of missed images."""
    texts, pairs = names.texts, missed[["actual", "called_as"]].drop_duplicates().to_dict("records")
    return ", ".join(
        texts("gallery.called", actual=names.class_name(row["actual"]), called=names.class_name(row["called_as"]))
        for row in pairs
    )


def _tiles(table: pd.DataFrame, thumbnail: Thumbnail, names: Names) -> tuple[Tile, ...]:
    texts, said = names.texts, names.class_name
    return tuple(
        Tile(
            picture=data_uri(thumbnail(row["image_id"])),
            title=texts("gallery.tile", actual=said(row["actual"]), called=said(row["called_as"])),
            note=texts("gallery.sure", probability=float(row["probability"])),
            name=row["image_id"],
            alarm=bool(row["missed"]),
        )
        for row in table.to_dict("records")
    )


def sample_gallery(run: Run, thumbnail: Thumbnail, names: Names) -> Gallery:
    """Samples of each class, and the same as a figure file."""
    sampled = {names.class_name(name): found for name, found in by_class(run, SAMPLES).items()}
    rows = tuple(
        (name, tuple(Tile(data_uri(thumbnail(image_id)), "", "", image_id) for image_id in found))
        for name, found in sampled.items()
    )
    from leukolab.report.figures.data import samples

    def draw() -> Any:
        return samples({name: [shown(thumbnail(i), 224) for i in found] for name, found in sampled.items()})

    return Gallery("samples", rows, draw=draw)

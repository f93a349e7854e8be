"""The page of `data audit`: what was found, and pairs of images side by side for a person to confirm or strike out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from leukolab.base.errors import ImageError
from leukolab.base.files import write_text
from leukolab.base.findings import Finding
from leukolab.cards.card import Card
from leukolab.images import black_background, decode, map_files, thinned
from leukolab.images.decode import Pixels
from leukolab.report.names import data_set_name
from leukolab.report.template import filled
from leukolab.report.texts import Texts, load_texts
from leukolab.splits import DOUBTFUL

SHOWN, OFFERED = 200, 40
"""Pairs on the page at most, of those taken as twins and of those under the threshold; the table of pairs holds all."""
EDGE_PX = 220
"""Longest edge of a picture."""
_MARGIN_PX, _LIGHT = 6, 245.0


@dataclass(frozen=True)
class AuditFacts:
    """What the page shows."""

    card: Card
    index: pd.DataFrame = field(repr=False)
    """image_id, path, subject."""
    groups: pd.DataFrame = field(repr=False)
    """image_id, group, reason."""
    pairs: pd.DataFrame = field(repr=False)
    """image_id, other_id, kind, score, verdict, class_name, other_class, subject, other_subject; in the order shown."""
    sets: Sequence[Sequence[str]]
    """Subjects that are one person."""
    findings: Sequence[Finding]
    searched: Sequence[str]
    unreadable: int = 0


def write_audit(facts: AuditFacts, page: Path, language: str = "en") -> Path:
    """Write the page as one self-contained HTML file, and return it.

    Raises:
        StorageError: the file cannot be written.
    """
    texts = load_texts(language)
    unsure = facts.pairs["verdict"] == DOUBTFUL
    taken, doubtful = facts.pairs[~unsure], facts.pairs[unsure]
    content = {
        "card": facts.card,
        "counts": _counts(facts),
        "kinds": kind_counts(taken, facts.searched),
        "findings": [(one.severity, texts.finding(one), _named(one)) for one in facts.findings],
        "sets": facts.sets,
        "sheets": [
            (texts("audit.sheet"), texts("audit.sheet_lead"), *_sheet(taken, SHOWN, facts.index, texts)),
            (texts("audit.doubtful"), texts("audit.doubtful_lead"), *_sheet(doubtful, OFFERED, facts.index, texts)),
        ],
        "said": _said(taken.iloc[SHOWN:]),
    }
    title = data_set_name(facts.card.name, facts.card.title, texts)
    write_text(page, filled("audit.html.j2", content | {"t": texts, "title": title}))
    return page


def kind_counts(pairs: pd.DataFrame, searched: Sequence[str]) -> dict[str, int]:
    """Number of pairs of each kind that was looked for or is there."""
    counts = pairs["kind"].value_counts()
    return {kind: int(counts.get(kind, 0)) for kind in dict.fromkeys([*searched, *map(str, counts.index)])}


def _counts(facts: AuditFacts) -> dict[str, int]:
    subjects = facts.index["subject"]
    return {
        "images": len(facts.index),
        "unreadable": facts.unreadable,
        "subjects": int(subjects.nunique()),
        "nameless": int(subjects.isna().sum()),
        "groups": int(facts.groups["group"].nunique()),
        "pairs": int((facts.pairs["verdict"] != DOUBTFUL).sum()),
    }


def _named(finding: Finding) -> list[str]:
    """The images or subjects that a finding names, a line each."""
    lines = []
    for one in finding.values.get("named", ()):
        if isinstance(one, dict):
            lines.append(f"{one['subject']}: {', '.join(one['classes'])}")
        else:
            lines.append(one if isinstance(one, str) else "  ·  ".join(map(str, one)))
    return lines


def _sheet(pairs: pd.DataFrame, most: int, index: pd.DataFrame, texts: Texts) -> tuple[list[dict[str, Any]], int]:
    """One card per pair, with both pictures; and how many pairs are not shown."""
    left_out, pairs = max(0, len(pairs) - most), pairs.head(most)
    paths = index.set_index("image_id")["path"]
    rows = pairs.to_dict("records")
    files = [(Path(paths[row["image_id"]]), Path(paths[row["other_id"]])) for row in rows]
    pictures = map_files(_side_by_side, files, "Drawing pairs")
    return [_tile(row, both, texts) for row, both in zip(rows, pictures, strict=True)], left_out


def _tile(row: dict[Any, Any], pictures: tuple[str, str], texts: Texts) -> dict[str, Any]:
    score = "" if pd.isna(row["score"]) else texts.number(float(row["score"]), ".2f")
    one, other = (
        {
            "image_id": row[name],
            "subject": "" if pd.isna(row[subject]) else row[subject],
            "class_name": row[class_name],
            "picture": picture,
        }
        for (name, subject, class_name), picture in zip(
            (("image_id", "subject", "class_name"), ("other_id", "other_subject", "other_class")),
            pictures,
            strict=True,
        )
    )
    agrees = row["class_name"] == row["other_class"]
    return {"kind": row["kind"], "score": score, "verdict": row["verdict"], "sides": (one, other), "agrees": agrees}


def _side_by_side(paths: tuple[Path, Path]) -> tuple[str, str]:
    """Both pictures, cells on black cut to the box that holds both cells, so that a shift stays visible."""
    images = [_decoded(path) for path in paths]
    one, other = images
    if one.shape == other.shape and all(black_background(image) for image in images):
        box = _box(np.maximum(one, other))
        images = [_brightened(image[box], one, other) for image in images]
    return _data_uri(images[0]), _data_uri(images[1])


def _brightened(image: Pixels, one: Pixels, other: Pixels) -> Pixels:
    """The picture, lighter by what brings the lightest of both cells near white."""
    light = float(np.percentile(np.maximum(one, other).max(axis=2), 99.5))
    return np.asarray(np.clip(image * max(1.0, _LIGHT / max(light, 1.0)), 0, 255), dtype=np.uint8)


def _decoded(path: Path) -> Pixels:
    try:
        return thinned(decode(path))[0]
    except ImageError:
        return np.zeros((8, 8, 3), dtype=np.uint8)


def _box(image: Pixels) -> tuple[slice, slice]:
    """The square around what is not black, with a margin."""
    seen = image.max(axis=2) > 8
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return slice(None), slice(None)
    edge = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 + 2 * _MARGIN_PX
    starts = [max(0, (ends[0] + ends[-1] - edge) // 2) for ends in (rows, columns)]
    return slice(int(starts[0]), int(starts[0] + edge)), slice(int(starts[1]), int(starts[1] + edge))


def _data_uri(image: Pixels) -> str:
    picture, stream = Image.fromarray(np.ascontiguousarray(image)), io.BytesIO()
    picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
    picture.save(stream, format="JPEG", quality=82, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _said(pairs: pd.DataFrame) -> list[list[str]]:
    """What a person said before of pairs that are not shown, to be written into the list again."""
    said = pairs[pairs["verdict"].isin(("same", "different"))]
    return [[str(cell) for cell in row] for row in said[["image_id", "other_id", "verdict"]].to_numpy()]

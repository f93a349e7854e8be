"""The search for twins, once for the same images: what it found lies in the home folder."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from leukolab.audit.looks import CELL, FIELD, LOOKS_VERSION
from leukolab.audit.odd import odd
from leukolab.audit.twins import KINDS, NEAR_CELL, NEAR_FIELD, find_twins
from leukolab.audit.twins import Twins as Found
from leukolab.audit.verdicts import judged, read_verdicts
from leukolab.base import kept, shelf
from leukolab.base.findings import Finding, finding_from
from leukolab.base.home import Home
from leukolab.base.keys import content_key, digest
from leukolab.base.progress import duration
from leukolab.spec import DataSpec
from leukolab.splits import EQUAL_PIXELS

NEWS = logging.getLogger(__name__)

COLUMNS = ["image_id", "other_id", "kind", "score", "doubt", "sure"]
AUDIT_VERSION = 2
"""Raised by hand when the same images would give other pairs."""
_SECONDS_PER_IMAGE, _SECONDS_PER_PAIR = 0.02, 4e-7
"""On two cores."""


@dataclass(frozen=True)
class Twins:
    """Pairs of images that show the same cell or field, as far as they were looked for."""

    pairs: pd.DataFrame = field(repr=False)
    """image_id, other_id, kind, score, doubt (false pairs to expect that are as much alike), sure (whether it passes
    the threshold), verdict (see `audit.verdicts.judged`).
    """
    searched: tuple[str, ...]
    """Kinds of pairs that were looked for."""
    limits: dict[str, Any] = field(default_factory=dict)
    """Thresholds and settings of the search."""
    key: str = ""
    """Of the images and the search; empty where there was none."""
    findings: tuple[Finding, ...] = ()
    """What the search saw of the images themselves."""


def twins_of(index: pd.DataFrame, spec: DataSpec, home: Home, search: bool = True) -> Twins:
    """Twins among the images of an index, judged; a search of before is taken as it is.

    Args:
        index: image_id, path (absolute), class_name, class_name_full, pixel_digest.
        spec: whether to look for them (`audit`), and what a person said of them (`accept`).
        home: the home folder.
        search: whether to search where that was not done before.

    Raises:
        DataError: the list `data.accept` is missing, or does not fit these images.
    """
    verdicts = None if spec.accept is None else read_verdicts(Path(spec.accept), list(index["image_id"]))
    found = _searched(index, home, search) if spec.audit == "auto" else None
    found = found or Twins(pd.DataFrame(columns=COLUMNS), EQUAL_PIXELS)
    return replace(found, pairs=judged(found.pairs, index, verdicts))


def seconds_left(index: pd.DataFrame, spec: DataSpec, home: Home) -> float:
    """Seconds that `twins_of` would search, about; 0 where that was done before, or is not asked for."""
    done = spec.audit == "off" or _kept(home, search_key(index)) is not None
    return 0.0 if done else expected_seconds(len(index))


def search_key(index: pd.DataFrame) -> str:
    """Key of the search: the version, and images by name, pixels and class as the data set has it."""
    rows = zip(index["image_id"], index["pixel_digest"], _classes(index), strict=True)
    images = {"images": digest(sorted(list(map(str, row)) for row in rows))}
    return content_key("audit", AUDIT_VERSION, images, {"looks": LOOKS_VERSION})


def expected_seconds(images: int) -> float:
    """Seconds of a search, about: reading each image, and comparing each pair."""
    return _SECONDS_PER_IMAGE * images + _SECONDS_PER_PAIR * images**2


def _searched(index: pd.DataFrame, home: Home, search: bool) -> Twins | None:
    key = search_key(index)
    found = _kept(home, key)
    if found is None and not search:
        return None
    if found is None:
        NEWS.info(f"looking for twins among {len(index):,} images, about {duration(expected_seconds(len(index)))}")
        found = _find(index, key)
        _keep(found, home)
    else:
        NEWS.info(f"twins among {len(index):,} images were looked for before")
    return found


def _keep(found: Twins, home: Home) -> None:
    table = io.BytesIO()
    found.pairs.to_parquet(table, index=False)
    findings = [one.as_json() for one in found.findings]
    head = {"searched": list(found.searched), "limits": found.limits, "findings": findings}
    head |= {"pairs_sha256": hashlib.sha256(table.getbuffer()).hexdigest()}
    kept.write(home, f"audits/{found.key}/pairs.parquet", [table.getbuffer()])
    kept.write(home, f"audits/{found.key}/search.json", [json.dumps(head).encode()])
    shelf.keep_within(home, [home / "audits" / found.key])


def _kept(home: Home, key: str) -> Twins | None:
    """What was found before; None where there is nothing, or it is damaged."""
    text, table = (kept.read(home, f"audits/{key}/{name}") for name in ("search.json", "pairs.parquet"))
    if text is None or table is None:
        return None
    head = json.loads(text)
    if head["pairs_sha256"] != hashlib.sha256(table).hexdigest():
        return None
    findings = tuple(finding_from(one) for one in head["findings"])
    return Twins(pd.read_parquet(io.BytesIO(table)), tuple(head["searched"]), dict(head["limits"]), key, findings)


def _find(index: pd.DataFrame, key: str) -> Twins:
    """Search all pairs; those that pass the threshold are sure, some below it are offered to a person."""
    paths = [Path(path) for path in index["path"]]
    found = find_twins(paths, list(index["image_id"]), pd.factorize(_classes(index))[0].tolist())
    pairs = pd.concat([found.pairs.assign(sure=True), found.doubtful.assign(sure=False)], ignore_index=True)
    limits = {"thresholds": found.thresholds.to_dict("records")}
    return Twins(pairs[COLUMNS], _kinds(found), limits, key, odd(found))


def _kinds(found: Found) -> tuple[str, ...]:
    """Kinds that were looked for: likeness only of images with a texture, and where no likely pair was left out."""
    seen = found.looks.table["form"][found.looks.textures.any(axis=(1, 2)).tolist()]
    full = set(found.thresholds.loc[found.thresholds["full"].astype(bool), "form"])
    forms = {NEAR_CELL: CELL, NEAR_FIELD: FIELD}
    near = {kind for kind, form in forms.items() if form not in full and (seen == form).any()}
    return tuple(kind for kind in KINDS if kind not in forms or kind in near)


def _classes(index: pd.DataFrame) -> pd.Series:
    """Class of each image as the data set has it, before any view."""
    return index["class_name_full" if "class_name_full" in index else "class_name"]

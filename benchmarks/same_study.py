"""One study on one set of images for every contender: a folder of links, a split as CSV, a study file."""

from __future__ import annotations

import csv
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from leukolab.base.errors import SplitError
from leukolab.base.files import atomic, write_text
from leukolab.base.keys import digest
from leukolab.base.streams import stream
from leukolab.cards import get_card, locate, read_index
from leukolab.images import decode, pixel_digest
from leukolab.spec import DataSpec, StudySpec, load_study
from leukolab.splits import Split, identity_groups, make_split

PROTOCOL, READING, OUTER = "corrected", "two_stage", 1
LEAST_GROUPS = 10
"""Identity groups of each class that the protocol needs for its test, tuning and five inner parts, and some more."""
DRAWS = 16
SHARES = {"test": 0.2, "tuning": 0.1, "validation": 0.14}
"""What each part but training should have of the images."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all contenders."""

    card: str
    images: int
    epochs: tuple[int, int]
    learning_rates: tuple[float, ...]
    size_px: int = 224
    batch_size: int = 64
    seed: int = 2019
    subset: str = "whole"

    @property
    def key(self) -> str:
        """Name of the work that was done with these settings."""
        return digest(asdict(self))[:12]


@dataclass(frozen=True)
class Prepared:
    """Paths that contenders are given, and facts for the record (no name of a file or subject among them)."""

    images: Path
    study: Path
    study_stage1: Path
    split_csv: Path
    split: Split
    facts: dict[str, Any]


def prepare(data: Path, settings: Settings, folder: Path) -> Prepared:
    """Choose the images, link them, cut them, and write what contenders read; the same settings give the same files.

    Raises:
        LeukolabError: the images are not there, or too few for the split.
    """
    spec = study(settings)
    root = locate(settings.card, data)
    index = _with_groups(read_index(spec.data, root), settings.card)
    chosen = choose(index, settings, spec)
    images = _link(root, chosen, folder / "images")
    spec = _with_parts(spec, chosen)
    linked = read_index(spec.data, images)
    linked["pixel_digest"] = [pixel_digest(decode(Path(path))) for path in linked["path"]]
    groups = identity_groups(linked, get_card(settings.card).same_person)
    split = make_split(linked, groups, PROTOCOL, spec.protocols[PROTOCOL], spec.seed)
    _write_split(split, linked, folder / "split.csv")
    _write_study(spec, folder / "study.yaml", stages=2)
    _write_study(spec, folder / "study_stage1.yaml", stages=1)
    whole = len(chosen) == int(index["group"].isin(chosen["group"]).sum())
    facts = _facts(linked, groups, split) | {"whole_subjects": whole}
    return Prepared(images, folder / "study.yaml", folder / "study_stage1.yaml", folder / "split.csv", split, facts)


def choose(index: pd.DataFrame, settings: Settings, spec: StudySpec) -> pd.DataFrame:
    """Rows of `index` for the benchmark: of `DRAWS` seeded draws that whose smallest part comes nearest its share.

    Sizes of parts alone decide; no label is looked at beyond "every class in every part", and no score.

    Raises:
        SplitError: no draw can be cut as the protocol says.
    """
    if len(index) <= settings.images:
        return index
    best, chosen, last = -1.0, None, SplitError("benchmark: no draw of images was made.")
    for number in range(DRAWS):
        rows = draw(index, settings, number)
        try:
            split = make_split(rows, rows[["image_id", "group"]], PROTOCOL, spec.protocols[PROTOCOL], spec.seed)
        except SplitError as error:
            last = error
            continue
        evenness = _evenness(split)
        if evenness > best:
            best, chosen = evenness, rows
    if chosen is None:
        raise last
    return chosen


def draw(index: pd.DataFrame, settings: Settings, number: int) -> pd.DataFrame:
    """About `settings.images` rows, `LEAST_GROUPS` identity groups of each class at least, draw `number`.

    `whole`: all images of groups drawn one of each class in turn, each taken where the smallest groups still needed
    fit beside it. `spread`, and where even the smallest groups have too many images: the first few of every group
    (`spread`) or of the largest ones.
    """
    sizes = index.groupby("group").agg(size=("label", "size"), label=("label", _most))
    if settings.subset == "spread":
        return _thinned(index, settings.images, number, settings.seed)
    taken: list[str] = []
    for group in _in_turn(sizes, settings.seed, number):
        if sizes["size"][[*taken, group]].sum() + _still_needed(sizes, [*taken, group]) <= settings.images:
            taken.append(group)
    if len(taken) >= LEAST_GROUPS * sizes["label"].nunique():
        return index[index["group"].isin(taken)].reset_index(drop=True)
    largest = sizes.sort_values("size", ascending=False, kind="stable").groupby("label").head(LEAST_GROUPS).index
    return _thinned(index[index["group"].isin(largest)], settings.images, number, settings.seed)


def _thinned(index: pd.DataFrame, images: int, number: int, seed: int) -> pd.DataFrame:
    """As many of every group, drawn at random, as make `images` at most (one at least)."""
    shuffled = index.iloc[stream(seed, "benchmark images", number).permutation(len(index))]
    rank = shuffled.groupby("group").cumcount()
    most = max(few for few in range(1, images + 1) if few == 1 or int((rank < few).sum()) <= images)
    return shuffled[rank < most].sort_values("image_id", ignore_index=True)


def _in_turn(sizes: pd.DataFrame, seed: int, number: int) -> list[str]:
    """All groups in a drawn order, one of each class in turn."""
    orders = [
        stream(seed, "benchmark groups", number, label).permutation(sorted(sizes.index[sizes["label"] == label]))
        for label in sorted(sizes["label"].unique())
    ]
    return [str(group) for turn in range(len(sizes)) for order in orders for group in order[turn : turn + 1]]


def _still_needed(sizes: pd.DataFrame, taken: list[str]) -> int:
    """Images of the smallest groups that would bring each class to its least number of groups."""
    left = sizes.drop(index=taken)
    missing = LEAST_GROUPS - sizes.loc[taken, "label"].value_counts().reindex(sizes["label"].unique(), fill_value=0)
    return sum(
        int(left.loc[left["label"] == label, "size"].nsmallest(max(count, 0)).sum()) for label, count in missing.items()
    )


def _evenness(split: Split) -> float:
    """The smallest part of any fold as a share of what that part should have."""
    rows = split.table[split.table["outer"] == OUTER]
    counts = rows.groupby(["fold", "role"]).size()
    total = counts.groupby("fold").sum()
    return min(float(counts[fold, role] / total[fold] / SHARES[role]) for fold, role in counts.index if role in SHARES)


def _with_parts(spec: StudySpec, chosen: pd.DataFrame) -> StudySpec:
    """The study on those parts of the data set that have images among the chosen."""
    parts = spec.data.parts and tuple(part for part in spec.data.parts if part in set(chosen["part"]))
    return spec.model_copy(update={"data": spec.data.model_copy(update={"parts": parts})})


def _most(labels: pd.Series) -> int:
    return int(labels.mode().iloc[0])


def _with_groups(index: pd.DataFrame, card: str) -> pd.DataFrame:
    index = index[index["label"] >= 0].reset_index(drop=True)
    return index.merge(identity_groups(index, get_card(card).same_person), on="image_id")


def study(settings: Settings) -> StudySpec:
    """The shipped study `wen` with these settings, and no early stopping."""
    spec = load_study(
        "wen",
        [
            f"training.learning_rates={list(settings.learning_rates)}",
            f"training.batch_size={settings.batch_size}",
            f"image.size_px={settings.size_px}",
            "model.backbone=tf_efficientnet_lite0.in1k",
            "model.weights=packaged",
            f"seed={settings.seed}",
            f"protocol={PROTOCOL}",
            f"outer_parts=[{OUTER}]",
        ],
    )
    stages = spec.readings[READING].stages
    fixed = [
        stage.model_copy(update={"epochs": epochs, "patience": None})
        for stage, epochs in zip(stages, settings.epochs, strict=True)
    ]
    readings = {READING: spec.readings[READING].model_copy(update={"stages": tuple(fixed)})}
    data = spec.data if spec.data.card == settings.card else DataSpec(card=settings.card)
    return spec.model_copy(update={"readings": readings, "data": data})


def _write_study(spec: StudySpec, path: Path, stages: int) -> None:
    raw = spec.model_dump(mode="json")
    raw["readings"][READING]["stages"] = raw["readings"][READING]["stages"][:stages]
    write_text(path, yaml.safe_dump(raw, sort_keys=False, allow_unicode=True))


def _link(root: Path, chosen: pd.DataFrame, folder: Path) -> Path:
    """Links to the chosen images, and to the tables beside images, in the layout of the data set."""
    shutil.rmtree(folder, ignore_errors=True)
    tables = [path.relative_to(root).as_posix() for kind in ("*.csv", "*.json") for path in root.rglob(kind)]
    for name in [*chosen["image_id"], *tables]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(root / name)
    return folder


def _write_split(split: Split, index: pd.DataFrame, path: Path) -> None:
    """One row an image, fold and role of the outer part: fold, role, image_id, path, label."""
    table = split.table[split.table["outer"] == OUTER].merge(index[["image_id", "path", "label"]], on="image_id")
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        columns = ["fold", "role", "image_id", "path", "label"]
        writer.writerow(columns)
        writer.writerows(table[columns].itertuples(index=False))


def _facts(index: pd.DataFrame, groups: pd.DataFrame, split: Split) -> dict[str, Any]:
    rows = split.table[split.table["outer"] == OUTER]
    counts = rows.groupby(["fold", "role"]).size()
    return {
        "images": len(index),
        "groups": int(groups["group"].nunique()),
        "classes": {str(name): int(count) for name, count in index["class_name"].value_counts().items()},
        "images_by_role": {
            role: [int(count) for count in counts.xs(role, level="role")] for role in dict.fromkeys(rows["role"])
        },
        "largest_group": int(np.max(groups["group"].value_counts())),
    }

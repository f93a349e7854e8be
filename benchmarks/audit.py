"""Does the audit find twins, and nothing else? Recall, false alarms, time and memory, on real and on drawn images.

python benchmarks/audit.py --cells FOLDER --known PAIRS.csv --fields FOLDER --phantom 12528 --out FILE.json

`--known` names pairs that are known to be twins: columns image and other, paths without their ending. A quick look:
`--phantom 200` alone. Each part runs in a process of its own; `FILE.json` is written after each, so a part can be
measured again by itself. `--sheets` gets pictures of pairs near the threshold, to be judged: keep them
private.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from planted_twins import CHANGES, plant
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukolab.audit import Looks, Twins, find_twins, issues, look_at
from leukolab.audit.issues import merged_subjects
from leukolab.audit.odd import odd
from leukolab.audit.verdicts import judged
from leukolab.cards.draw import draw_data_set
from leukolab.cards.registry import read_index
from leukolab.spec import DataSpec
from leukolab.splits import identity_groups

PARTS = ("cells", "planted", "fields", "phantom")
PLANTED = 60
SEED = 2026
DRAWN_SEED = 7


def main() -> None:
    """Run the parts that were asked for and print what they found."""
    options = _options()
    if options.part:
        measured = _PART[options.part](options)
        found = json.loads(options.out.read_text()) if options.out.exists() else {}
        options.out.write_text(json.dumps(found | {options.part: measured}, indent=1) + "\n")
        return
    wanted = {"cells": options.cells, "planted": options.cells, "fields": options.fields, "phantom": options.phantom}
    for part in PARTS:
        if wanted[part]:
            subprocess.run([sys.executable, *sys.argv, "--part", part], check=True)
    sys.stdout.write(options.out.read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=Path, help="folder of the card cnmc2019")
    parser.add_argument("--known", type=Path, help="CSV of known twins among these")
    parser.add_argument("--fields", type=Path, help="folder of the card all_subtypes")
    parser.add_argument("--phantom", type=int, default=0, help="number of cells to draw")
    parser.add_argument("--drawn", type=Path, help="folder for the drawn cells; a temporary one where not given")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def cells(options: argparse.Namespace) -> dict[str, Any]:
    """Single cells with subjects: against the known pairs, by classes, and as identity groups."""
    index = read_index(DataSpec(card="cnmc2019"), options.cells)
    twins, costs = searched(index)
    near = twins.pairs[twins.pairs["kind"] == "near_twin"]
    show(options.sheets, "cells_above.png", near.tail(40), index, cut=True)
    show(options.sheets, "cells_below.png", twins.doubtful.head(40), index, cut=True)
    against = known(options.known, twins, index, options.sheets) if options.known else {}
    return {**costs, **summary(twins), **told(twins, index), **against, "identity_groups": persons(twins, index)}


def fields(options: argparse.Namespace) -> dict[str, Any]:
    """Fields without subjects: pairs by how far apart their file numbers are."""
    index = read_index(DataSpec(card="all_subtypes"), options.fields)
    twins, costs = searched(index)
    near = twins.pairs[twins.pairs["kind"] == "near_field"]
    show(options.sheets, "fields_above.png", near.tail(40), index, cut=False)
    show(options.sheets, "fields_below.png", twins.doubtful.head(40), index, cut=False)
    of_image = index.set_index("image_id")
    numbers = [of_image["order"].reindex(twins.pairs[name]).to_numpy() for name in ("image_id", "other_id")]
    apart = np.abs(numbers[0] - numbers[1])
    bins = [0, 1, 2, 5, 10, 40, 10_000]
    spread = {f"over {low} to {high}": int(((apart > low) & (apart <= high)).sum()) for low, high in pairwise(bins)}
    classes = of_image["class_name"].reindex(twins.pairs["image_id"]).to_numpy()
    by_class = twins.pairs.groupby(["kind", classes]).size()
    sizes = np.sort(np.bincount(joined(twins.pairs, index)))[::-1]
    return {
        **costs,
        **summary(twins),
        **told(twins, index),
        "pairs_by_class": {f"{kind} {name}": int(count) for (kind, name), count in by_class.items()},
        "pairs_by_distance_of_numbers": spread,
        "sets_of_twins": int((sizes > 1).sum()),
        "images_with_a_twin": int(sizes[sizes > 1].sum()),
        "largest_sets": sizes[:5].tolist(),
    }


def phantom(options: argparse.Namespace) -> dict[str, Any]:
    """Drawn cells, none of them a twin: time, memory, and whether any is called one."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.drawn or Path(temporary) / "drawn"
        subjects = max(2, min(108, options.phantom // 4))
        draw_data_set(folder, "two_class", subjects, options.phantom // subjects, 450, DRAWN_SEED)
        index = read_index(DataSpec(card="phantom"), folder)
        twins, costs = searched(index)
        return {**costs, **summary(twins), **told(twins, index)}


def planted(options: argparse.Namespace) -> dict[str, Any]:
    """Changed copies of some real cells, all among all cells: how many of each change are found, and wrong pairs."""
    index = read_index(DataSpec(card="cnmc2019"), options.cells)
    paths, names = [Path(path) for path in index["path"]], index["image_id"].tolist()
    looks = look_at(paths, names)
    clean = find_twins(paths, names, index["label"], looks)
    together = joined(clean.pairs, index)
    single = np.flatnonzero(np.bincount(together)[together] == 1)
    rows = np.random.default_rng(SEED).choice(single, min(PLANTED, len(single)), replace=False)
    with tempfile.TemporaryDirectory() as temporary:
        copies = [
            Copy(name, names[row], path, int(index["label"].iloc[row]))
            for name in CHANGES
            for row, path in zip(rows, plant(name, [paths[row] for row in rows], Path(temporary), SEED), strict=True)
        ]
        more = look_at([copy.path for copy in copies], [copy.name for copy in copies])
        table = pd.concat([looks.table, more.table], ignore_index=True)
        both = Looks(table, np.concatenate([looks.textures, more.textures]))
        labels = [*index["label"], *(copy.label for copy in copies)]
        twins = find_twins([*paths, *(copy.path for copy in copies)], table["image_id"].tolist(), labels, both)
    return {"copies_of_each": len(rows), **summary(twins), **counted(copies, twins, clean)}


@dataclass(frozen=True)
class Copy:
    """A changed copy of a cell."""

    change: str
    of: str
    path: Path
    label: int

    @property
    def name(self) -> str:
        """Its image_id: the change and the cell it shows."""
        return f"{self.change}: {self.of}"


def counted(copies: list[Copy], twins: Twins, clean: Twins) -> dict[str, Any]:
    """Recall of each change against the cell itself, and pairs that join two cells which were no pair before."""
    of = {copy.name: copy.of for copy in copies}
    change = {copy.name: copy.change for copy in copies}
    sure, unsure = (
        {frozenset(pair) for pair in zip(table["image_id"], table["other_id"], strict=True)}
        for table in (twins.pairs, twins.doubtful)
    )
    before = {frozenset(pair) for pair in zip(clean.pairs["image_id"], clean.pairs["other_id"], strict=True)}
    wrong = [pair for pair in sure if len({of.get(name, name) for name in pair}) == 2 and pair not in before]
    table = {
        name: {
            "found": sum(frozenset((copy.name, copy.of)) in sure for copy in copies if copy.change == name),
            "doubtful": sum(frozenset((copy.name, copy.of)) in unsure for copy in copies if copy.change == name),
            "false_alarms": sum(name in {change.get(one) for one in pair} for pair in wrong),
        }
        for name in CHANGES
    }
    return {"false_alarms": len(wrong), "real_pairs_lost": len(before - sure), "changes": table}


def searched(index: pd.DataFrame) -> tuple[Twins, dict[str, Any]]:
    """The search, with its time and the largest memory of this process so far."""
    paths, names = [Path(path) for path in index["path"]], index["image_id"].tolist()
    started, cpu = time.perf_counter(), time.process_time()
    looks = look_at(paths, names)
    looked = time.perf_counter()
    twins = find_twins(paths, names, index["label"], looks)
    ended = time.perf_counter()
    cost = {
        "images": len(index),
        "reading_seconds": round(looked - started, 1),
        "comparing_seconds": round(ended - looked, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "load_average": round(os.getloadavg()[0], 1),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    return twins, cost


def summary(twins: Twins) -> dict[str, Any]:
    """What was found, in numbers."""
    used = twins.thresholds[twins.thresholds["searched"] > 0]
    return {
        "pairs": twins.pairs["kind"].value_counts().to_dict(),
        "pairs_of_two_classes": int(twins.pairs["contradicts"].sum()),
        "doubtful_pairs": len(twins.doubtful),
        "false_pairs_expected": round(float(len(used) * 0.05), 2),
        "thresholds": json.loads(used.round({"threshold": 4}).to_json(orient="records")),
    }


def told(twins: Twins, index: pd.DataFrame) -> dict[str, Any]:
    """Codes of the findings."""
    pairs = judged(twins.pairs.assign(sure=True), index)
    found = (*issues(index, identity_groups(index, pairs=pairs), pairs), *odd(twins))
    return {"findings": sorted({finding.code for finding in found})}


def persons(twins: Twins, index: pd.DataFrame) -> list[list[str]]:
    """Sets of subjects that are one person by the pairs alone."""
    pairs = judged(twins.pairs.assign(sure=True), index)
    return [list(one) for one in merged_subjects(index, identity_groups(index, pairs=pairs))]


def known(path: Path, twins: Twins, index: pd.DataFrame, sheets: Path | None) -> dict[str, Any]:
    """Known pairs that were found, directly or through others; found pairs that were not known."""
    table = pd.read_csv(path)
    rows = {name.rsplit(".", 1)[0]: row for row, name in enumerate(index["image_id"])}
    first, other = (table[name].map(rows).to_numpy() for name in ("image", "other"))
    together = joined(twins.pairs, index)
    found = together[first] == together[other]
    listed = coo_matrix((np.ones(len(first)), (first, other)), shape=(len(index), len(index)))
    before = connected_components(listed, directed=False)[1]
    names = {name: row for row, name in enumerate(index["image_id"])}
    ours = [twins.pairs[name].map(names).to_numpy() for name in ("image_id", "other_id")]
    new = twins.pairs[before[ours[0]] != before[ours[1]]]
    show(sheets, "cells_beyond.png", new, index, cut=True)
    return {
        "known_pairs": len(table),
        "known_pairs_found": int(found.sum()),
        "known_pairs_missed": table[~found].to_dict("records"),
        "pairs_beyond": new[["image_id", "other_id", "score"]].round(3).to_dict("records"),
    }


def joined(pairs: pd.DataFrame, index: pd.DataFrame) -> np.ndarray:
    """Number of the set of twins of each image, int (n,)."""
    rows = {name: row for row, name in enumerate(index["image_id"])}
    first, other = (pairs[name].map(rows).to_numpy() for name in ("image_id", "other_id"))
    graph = coo_matrix((np.ones(len(first)), (first, other)), shape=(len(index), len(index)))
    return connected_components(graph, directed=False)[1]


def show(folder: Path | None, name: str, pairs: pd.DataFrame, index: pd.DataFrame, cut: bool) -> None:
    """A sheet of pairs, five in a row, each with its score."""
    if folder is None or pairs.empty:
        return
    folder.mkdir(parents=True, exist_ok=True)
    paths = index.set_index("image_id")["path"]
    edge, wide = 128, 5
    sheet = Image.new("RGB", (wide * (2 * edge + 8), -(-len(pairs) // wide) * (edge + 26)), "white")
    for place, row in enumerate(pairs.itertuples()):
        left, top = place % wide * (2 * edge + 8), place // wide * (edge + 26)
        for side, image_id in enumerate((row.image_id, row.other_id)):
            sheet.paste(_small(paths[image_id], edge, cut), (left + side * edge, top + 24))
            text = f"{row.score:.3f} turn {row.turn} {Path(image_id).stem}" if side == 0 else Path(image_id).stem
            ImageDraw.Draw(sheet).text((left, top + 11 * side), text, fill="black")
    sheet.save(folder / name)


def _small(path: str, edge: int, cut: bool) -> Image.Image:
    image = Image.open(path).convert("RGB")
    return (image.crop(image.getbbox()) if cut else image).resize((edge, edge))


_PART = {"cells": cells, "planted": planted, "fields": fields, "phantom": phantom}

if __name__ == "__main__":
    main()

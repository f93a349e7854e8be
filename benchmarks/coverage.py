"""How often a 95 % interval of `score_table` holds the truth, and how wide it is, where the truth is known.

    python benchmarks/coverage.py two --out FILE.csv                 one part; two, two97, four, truths, or all
    python benchmarks/coverage.py all --rounds 1 --out FILE.csv      a quick look
    python benchmarks/coverage.py table --out FILE.csv               the tables of what stands in FILE.csv, as Markdown

Every data set is drawn by `subjects.py` from its own seed, scored by the program's own functions, and compared with
what the metric is on endlessly many subjects at the prevalence of the data set. Beside it stands the percentile
bootstrap that the program had before, on some of the data sets. Rounds that stand in FILE.csv already are not run
again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from subjects import Predictions, World

from leukolab.base.streams import stream, stream_seed
from leukolab.stats import METRICS, image_weights, make_replicates, score_table, subject_weights
from leukolab.stats.intervals import interval

REPLICATES = 1000
OLD_REPLICATES = 400
SIZES = ((2, 2), (3, 3), (6, 7), (8, 8), (15, 15), (30, 30), (50, 50))
FEW = ((3, 3), (6, 7), (8, 8), (15, 15))
FOUR = tuple((count,) * 4 for count in (3, 6, 8, 15))
COLUMNS = ["round", "part", "groups", "metric", "unit", "method", "coverage", "width", "too_high", "data_sets"]
NEW, OLD = "program", "percentile"
ROUND = 50
"""Data sets of a cell in a round."""
RANKED = 20
"""Those of them that rankings, which take most of the time, and the old method are measured on."""
RANKINGS = [name for name, metric in METRICS.items() if metric.kind == "ranking"]
OTHERS = [name for name in METRICS if name not in RANKINGS]


@dataclass(frozen=True)
class Cell:
    """Data sets of one kind and size."""

    part: str
    world: World
    counts: tuple[int, ...]

    @property
    def groups(self) -> str:
        """The groups of each class, such as `6+7`."""
        return "+".join(str(count) for count in self.counts)


def cells(part: str) -> list[Cell]:
    """The cells of a part."""
    worlds = {
        "two": [("two classes, recall 0.80", World(2, 0.80), SIZES)],
        "two97": [("two classes, recall 0.97", World(2, 0.97), SIZES)],
        "four": [("four classes, recall 0.80", World(4, 0.80), FOUR)],
        "truths": [
            ("15 % of subjects are bad, recall 0.80", World(2, 0.80, "skew"), FEW),
            ("subjects have both classes, recall 0.80", World(2, 0.80, "both"), FEW),
            ("subjects are all right or all wrong, recall 0.80", World(2, 0.80, "all_or_none"), FEW),
        ],
    }
    names = list(worlds) if part == "all" else [part]
    found = [Cell(name, world, counts) for key in names for name, world, sizes in worlds[key] for counts in sizes]
    return [replace(one, counts=(max(one.counts),) * 2) if one.world.kind == "both" else one for one in found]


def work(part: str, rounds: int) -> list[tuple[int, Cell, list[str]]]:
    """Rounds, cells and the metrics to measure in them: every cell once before any cell again, rankings last."""
    found = cells(part) if part != "table" else []
    return [(turn, cell, names) for turn in range(rounds) for names in (OTHERS, RANKINGS) for cell in found]


def run(cell: Cell, names: Sequence[str], turn: int) -> pd.DataFrame:
    """Coverage and mean width of some metrics by both units in one round of one cell."""
    kept = {name: METRICS[name] for name in names}
    numbers = range(turn * ROUND, turn * ROUND + (RANKED if names == RANKINGS else ROUND))
    with patch.dict(METRICS, kept, clear=True):
        rows = [row for number in numbers for row in _one(cell, number, number - numbers[0] < RANKED)]
    table = pd.DataFrame(rows, columns=["metric", "unit", "method", "low", "high", "truth"])
    table = table[np.isfinite(table["low"]) & np.isfinite(table["high"])]
    over, under = table["low"] > table["truth"] + 1e-9, table["high"] < table["truth"] - 1e-9
    table = table.assign(coverage=~(over | under), width=table["high"] - table["low"], too_high=over)
    grouped = table.groupby(["metric", "unit", "method"], sort=False)
    found = grouped[["coverage", "width", "too_high"]].mean().assign(data_sets=grouped.size()).reset_index()
    return found.assign(round=turn, part=cell.part, groups=cell.groups)[COLUMNS]


def together(found: pd.DataFrame) -> pd.DataFrame:
    """Rounds as one, weighted by their data sets."""
    keys = ["part", "groups", "metric", "unit", "method"]
    sums = found[keys].join(found[["coverage", "width", "too_high"]].mul(found["data_sets"], axis=0))
    grouped = sums.assign(data_sets=found["data_sets"]).groupby(keys, sort=False).sum()
    means = grouped[["coverage", "width", "too_high"]].div(grouped["data_sets"], axis=0)
    return means.assign(data_sets=grouped["data_sets"]).reset_index()


def _one(cell: Cell, number: int, with_old: bool) -> Iterator[tuple[Any, ...]]:
    """The intervals of one data set: metric, unit, method, low, high, truth."""
    rng = stream(2026, cell.part, cell.groups, number)
    drawn = cell.world.draw(cell.counts, rng)
    replicates = make_replicates(drawn.labels_n, drawn.subjects_n, REPLICATES, stream_seed(2026, number))
    ones = np.ones(len(drawn.labels_n))
    units = {"subject": subject_weights(ones, drawn.subjects_n), "image": image_weights(ones)}
    for unit, weights_n in units.items():
        by_class = np.bincount(drawn.labels_n, weights=weights_n)
        prevalence_k = by_class / by_class.sum()
        truth = cell.world.truth.of(METRICS, prevalence_k)
        table = score_table(drawn.labels_n, drawn.probs_nk, weights_n, unit, replicates)
        for row in table.itertuples():
            yield row.metric, unit, NEW, row.low, row.high, truth[str(row.metric)]
        old = old_intervals(drawn, weights_n, rng) if with_old else {}
        for name, (low, high) in old.items():
            yield name, unit, OLD, low, high, truth[name]


def old_intervals(
    drawn: Predictions, weights_n: NDArray[np.float64], rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """The percentile bootstrap: groups drawn with replacement within their class, classes mixing as they come."""
    codes_n = np.unique(drawn.subjects_n, return_inverse=True)[1]
    classes_g = np.zeros(codes_n.max() + 1, int)
    classes_g[codes_n] = drawn.labels_n
    times_rg = np.zeros((OLD_REPLICATES, len(classes_g)))
    for label in np.unique(classes_g):
        own = np.flatnonzero(classes_g == label)
        times_rg[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), OLD_REPLICATES)
    replicates = make_replicates(drawn.labels_n, drawn.subjects_n, 1, 0)
    draws = replace(replicates.draws(drawn.labels_n, drawn.probs_nk, weights_n), times_rg=times_rg)
    draws.__dict__["scale_rk"] = np.ones((OLD_REPLICATES, drawn.probs_nk.shape[1]))
    return {name: interval(np.tile(metric.function(draws), (2, 1))) for name, metric in METRICS.items()}


def tables(found: pd.DataFrame) -> str:
    """Markdown: for each part, method and unit the coverage and width of every metric by groups."""
    lines = []
    for part, of_part in found.groupby("part", sort=False):
        groups = list(of_part["groups"].unique())
        for unit in ("subject", "image"):
            lines += ["", f"### {part}, by {unit}: coverage (mean width)", ""]
            lines += ["| metric | method | " + " | ".join(groups) + " |", "| --- | --- |" + " --- |" * len(groups)]
            for metric in METRICS:
                if metric != "recall":
                    lines += [_line(of_part, metric, unit, method, groups) for method in (NEW, OLD)]
    return "\n".join(lines) + "\n"


def _line(of_part: pd.DataFrame, metric: str, unit: str, method: str, groups: list[str]) -> str:
    mine = of_part[(of_part["metric"] == metric) & (of_part["unit"] == unit) & (of_part["method"] == method)]
    by_groups = mine.set_index("groups")
    there = set(by_groups.index)
    numbers = {one: f"{by_groups.at[one, 'coverage']:.3f} ({by_groups.at[one, 'width']:.2f})" for one in there}
    cells_ = [numbers.get(one, "") for one in groups]
    return f"| {metric} | {method} | " + " | ".join(cells_) + " |"


def main() -> None:
    """Run the cells that are missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("two", "two97", "four", "truths", "all", "table"))
    parser.add_argument("--rounds", type=int, default=6, help=f"Rounds of {ROUND} data sets a cell.")
    parser.add_argument("--out", type=Path, required=True, help="CSV of what was measured.")
    asked = parser.parse_args()
    found = pd.read_csv(asked.out) if asked.out.exists() else pd.DataFrame(columns=COLUMNS)
    for turn, cell, names in work(asked.part, asked.rounds):
        of_cell = (found["part"] == cell.part) & (found["groups"] == cell.groups)
        if (of_cell & (found["round"] == turn) & (found["metric"] == names[0])).any():
            continue
        begun = time.process_time()
        made = run(cell, names, turn)
        found = pd.concat([found, made], ignore_index=True) if len(found) else made
        found.round(4).to_csv(asked.out, index=False, lineterminator="\n")
        sys.stderr.write(
            f"round {turn + 1}, {cell.part}, {cell.groups}, {names[-1]}: {time.process_time() - begun:.0f} s\n"
        )
    sys.stdout.write(tables(together(found)))


if __name__ == "__main__":
    main()

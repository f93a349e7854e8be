"""How often H1 to H4 find what is not there, and what is, by the program's own functions.

    python benchmarks/tests_under_null.py [--sets 1000] [--out benchmarks/results/tests_under_null.md]

Every simulated study goes from probabilities to answers through `stats.subject_recalls` and `stats.answer_hypotheses`.
An image is called rightly by a member where

    mean + subject + subject x learning rate + subject x member + member's training + image + image x member > 0,

all of them normal, so that every member has the same expected recall: 0.80, with a deviation of 0.22 over subjects.
A training moves the recall of a model by `sd`; an ensemble moves with its models (`shared`), or as if it had models of
its own (`own`). Subjects have 5 to 1,121 images, about 90 in the middle.

Beside it the method before: percentile bootstrap over subjects weighed by image, Holm within each hypothesis.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import norm

from leukolab.stats import HypothesisMembers, Recalls, answer_hypotheses, subject_recalls
from leukolab.stats.comparisons import holm_adjusted

RECALL, DEVIATION = 0.80, 0.22
OWN = 0.245
"""Variance over subjects that members do not share, as a share of what they share; half of it is of the rate's."""
SIZES = ((3, 3), (6, 7), (8, 8), (15, 15), (37, 56))
RATES, FOLDS, SCHEMES = (0.001, 0.0001, 0.00001), 5, ("accuracy", "f1", "kappa")
MODELS = [f"lr{rate:g}/{fold}" for rate in RATES for fold in range(FOLDS)]
INTER = [f"inter/{rate:g}/{scheme}" for scheme in SCHEMES for rate in RATES]
INTRA = [f"intra/{scheme}" for scheme in SCHEMES]
NAMES = [*MODELS, *INTER, *INTRA, "best", "single"]
HYPOTHESES = ("H1", "H2", "H3", "H4")


@dataclass(frozen=True)
class World:
    """What is true of a simulated study."""

    subjects: tuple[int, int]
    training_sd: float = 0.0
    shared: bool = True
    effect: float = 0.0
    """By how much the best ensemble's recall is above all others'."""


def subject_scale() -> float:
    """Deviation over subjects on the latent scale, whose images have a deviation of 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def mean_of(sd: float) -> float:
        return float(norm.ppf(RECALL) * np.sqrt(1 + sd**2))

    def deviation(sd: float) -> float:
        recall = norm.cdf(mean_of(sd) + sd * nodes)
        mean = weights @ recall / weights.sum()
        return float(np.sqrt(weights @ (recall - mean) ** 2 / weights.sum())) - DEVIATION

    sd = optimize.brentq(deviation, 0.1, 5)
    return float(sd)


SUBJECT_SD = subject_scale()
SCALE = float(np.sqrt(1 + SUBJECT_SD**2 * (1 + OWN)))
"""Deviation of an image on the latent scale, all in all."""
SLOPE = float(norm.pdf(norm.ppf(RECALL))) / SCALE
"""Change of the recall with the latent mean."""


def mixtures(rng: np.random.Generator, shared: bool) -> dict[str, dict[str, float]]:
    """Each ensemble's models and their weights, of scores near 0.8; models of its own where not `shared`."""
    scores = np.clip(rng.normal(0.8, 0.04, (len(SCHEMES), len(RATES), FOLDS)), 0.5, 1)
    found: dict[str, dict[str, float]] = {}
    for s, scheme in enumerate(SCHEMES):
        for r, rate in enumerate(RATES):
            names = [f"lr{rate:g}/{fold}" for fold in range(FOLDS)]
            found[f"inter/{rate:g}/{scheme}"] = dict(zip(names, scores[s, r] / scores[s, r].sum(), strict=True))
        champions = scores[s, :, 0] / scores[s, :, 0].sum()
        found[f"intra/{scheme}"] = {f"lr{rate:g}/0": float(w) for rate, w in zip(RATES, champions, strict=True)}
    found["best"] = found[f"inter/{RATES[0]:g}/{SCHEMES[0]}"]
    found["single"] = {MODELS[0]: 1.0}
    if shared:
        return found
    return {name: {f"{name}:{model}": w for model, w in models.items()} for name, models in found.items()}


def training_shifts(rng: np.random.Generator, world: World, models: dict[str, dict[str, float]]) -> np.ndarray:
    """What its training adds to the latent mean of each member, float64 (m,)."""
    every = [*MODELS, *dict.fromkeys(name for mixed in models.values() for name in mixed if name not in MODELS)]
    shifts = dict(zip(every, rng.normal(0, world.training_sd / SLOPE, len(every)), strict=True))
    better = SCALE * (norm.ppf(RECALL + world.effect) - norm.ppf(RECALL))
    found = [shifts[name] for name in MODELS]
    found += [sum(w * shifts[model] for model, w in models[name].items()) for name in NAMES[len(MODELS) :]]
    return np.array(found) + (np.array(NAMES) == "best") * better


def images(rng: np.random.Generator, world: World, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), subjects (n,) and whether each member is right (m, n)."""
    count = sum(world.subjects)
    sizes = np.clip(np.exp(rng.normal(4.5, 1.1, count)), 5, 1121).astype(int)
    own = SUBJECT_SD * np.sqrt(OWN)
    effect = rng.normal(0, own, (len(NAMES), count))
    by_rate = rng.normal(0, own / np.sqrt(2), (len(RATES), count))
    effect[: len(MODELS)] = effect[: len(MODELS)] / np.sqrt(2) + np.repeat(by_rate, FOLDS, axis=0)
    subjects = np.repeat(np.arange(count), sizes)
    shared = rng.normal(0, SUBJECT_SD, count)[subjects] + rng.normal(0, np.sqrt(0.7), len(subjects))
    noise = rng.standard_normal((len(NAMES), len(subjects)), dtype=np.float32) * np.float32(np.sqrt(0.3))
    right = norm.ppf(RECALL) * SCALE + shifts[:, None] + effect[:, subjects] + shared + noise > 0
    return (subjects >= world.subjects[0]).astype(int), subjects, right


def study(rng: np.random.Generator, world: World) -> tuple[Recalls, Recalls, HypothesisMembers]:
    """Recalls of a simulated study by subject, the same weighed by image, and who is compared."""
    models = mixtures(rng, world.shared)
    labels, subjects, right = images(rng, world, training_shifts(rng, world, models))
    called = np.where(right, labels, 1 - labels)
    probs = {name: np.stack([1.0 - row, row], axis=1) for name, row in zip(NAMES, called, strict=True)}
    recalls = subject_recalls(labels, probs, None, subjects)
    sizes = np.bincount(subjects)[:, None] * (recalls.weight_gk > 0)
    compared = HypothesisMembers(
        by_rate={rate: tuple(MODELS[r * FOLDS : (r + 1) * FOLDS]) for r, rate in enumerate(RATES)},
        inter={scheme: tuple(INTER[s * 3 : s * 3 + 3]) for s, scheme in enumerate(SCHEMES)},
        intra=dict(zip(SCHEMES, INTRA, strict=True)),
        best_ensemble="best",
        best_single="single",
        models=models,
    )
    return recalls, replace(recalls, weight_gk=sizes / sizes.sum(axis=0)), compared


def before(rng: np.random.Generator, by_image: Recalls, compared: HypothesisMembers) -> np.ndarray:
    """What the former method rejects of the ten, bool (10,): percentile bootstrap, 1,000 replicates."""
    inter = {
        name: np.mean([by_image.mean_of([one]) for one in names], axis=0) for name, names in compared.inter.items()
    }
    intra = {name: by_image.mean_of([one]) for name, one in compared.intra.items()}
    sides = {
        "H1": [by_image.mean_of(names) for names in compared.by_rate.values()],
        "H4": [(inter[scheme] + intra[scheme]) / 2 for scheme in SCHEMES],
    }
    pairs = {name: [(a[0], a[1]), (a[0], a[2]), (a[1], a[2])] for name, a in sides.items()}
    pairs["H2"] = [(by_image.mean_of(["best"]), by_image.mean_of(["single"]))]
    pairs["H3"] = [(intra[scheme], inter[scheme]) for scheme in SCHEMES]
    times = np.zeros((1000, len(by_image.weight_gk)))
    for k in range(2):
        own = np.flatnonzero(by_image.weight_gk[:, k])
        times[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), 1000)
    below = times @ by_image.weight_gk
    found = []
    for name in HYPOTHESES:
        draws = [((times @ (by_image.weight_gk * (a - b))) / below).mean(axis=1) for a, b in pairs[name]]
        p = [min(1.0, 2 * (1 + min((d <= 1e-12).sum(), (d >= -1e-12).sum())) / 1001) for d in draws]
        found += list(holm_adjusted(np.array(p)) < 0.05)
    return np.array(found)


def measure(world: World, sets: int, seed: int) -> dict[str, float]:
    """Shares of simulated studies of one world."""
    rng, tables, earlier, primary = np.random.default_rng(seed), [], [], []
    for _ in range(sets):
        recalls, by_image, compared = study(rng, world)
        tables.append(answer_hypotheses(recalls, compared))
        earlier.append(before(rng, by_image, compared).any())
        primary.append(answer_hypotheses(recalls, compared, primary="H2"))
    together = pd.concat(tables, keys=range(sets), names=["set"])
    apart = together["answer"].isin(["better", "worse"])
    alone = pd.concat(primary)
    alone = alone[alone["hypothesis"] == "H2"]
    found = {name: float(apart[together["hypothesis"] == name].groupby("set").any().mean()) for name in HYPOTHESES}
    second = together[together["hypothesis"] == "H2"]
    true = world.effect
    return found | {
        "any": float(apart.groupby("set").any().mean()),
        "before": float(np.mean(earlier)),
        "H2 alone": float(alone["answer"].isin(["better", "worse"]).mean()),
        "mdd of ten": float(second["mdd"].median()),
        "mdd alone": float(alone["mdd"].median()),
        "covers": float(((second["low"] <= true) & (true <= second["high"]))[second["low"].notna()].mean()),
        "tested": float((together["answer"] != "too_few").mean()),
    }


def worlds() -> list[World]:
    """Those where nothing is true."""
    noises = ((0.0, True), (0.015, True), (0.015, False))
    return [World(subjects, sd, shared) for sd, shared in noises for subjects in SIZES]


def null_table(sets: int) -> tuple[list[str], dict[tuple[int, int], dict[str, float]]]:
    """The lines of the table under the null, and what was measured without training noise."""
    columns = ("subjects", "training sd", "ensembles move", "any of ten", *HYPOTHESES)
    columns += ("H2 as primary", "H2 interval covers", "before: any")
    lines, calm = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)], {}
    for number, world in enumerate(worlds()):
        many = sets if sum(world.subjects) < 40 else sets // 2
        begun, row = time.time(), measure(world, many, 100 + number)
        moves = "shared" if world.shared else "own"
        shares = " | ".join(f"{row[name]:.3f}" for name in ("any", *HYPOTHESES, "H2 alone", "covers", "before"))
        shares = shares if row["tested"] else shares.replace("nan", "too few")
        a, b = world.subjects
        lines.append(f"| {a}+{b} | {world.training_sd or 0:g} | {moves if world.training_sd else '–'} | {shares} |")
        sys.stderr.write(f"{lines[-1]} {time.time() - begun:.0f} s\n")
        if not world.training_sd:
            calm[world.subjects] = row
    return lines, calm


def power_table(sets: int, calm: dict[tuple[int, int], dict[str, float]]) -> list[str]:
    """How often H2 finds an ensemble that is better by the minimum detectable difference."""
    lines = ["| subjects | mdd, one of ten | found | mdd, as primary | found |", "|" + " --- |" * 5]
    for number, subjects in enumerate(SIZES):
        row, many = calm[subjects], sets if sum(subjects) < 40 else sets // 2
        cells = []
        for mdd, name in ((row["mdd of ten"], "H2"), (row["mdd alone"], "H2 alone")):
            known = mdd == mdd and mdd < 1 - RECALL
            share = measure(World(subjects, effect=mdd), many // 2, 500 + number)[name] if known else None
            cells.append(f"{mdd:.3f} | {share:.3f}" if share is not None else f"{mdd:.3f} | – ")
        lines.append(f"| {subjects[0]}+{subjects[1]} | {' | '.join(cells)} |".replace("nan", "too few"))
        sys.stderr.write(lines[-1] + "\n")
    return lines


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tests_under_null.md"))
    given, begun = parser.parse_args(), time.time()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    null, calm = null_table(given.sets)
    power = power_table(given.sets, calm)
    spent = f"{(time.time() - begun) / 60:.0f} minutes"
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    text = f"""# H1 to H4 where nothing is true

`python benchmarks/tests_under_null.py --sets {given.sets}`, {today}, commit {commit.stdout.strip()}, {spent}.
{given.sets} simulated studies a row (half as many at 37+56); with 600 a share of 0.05 has a standard error of 0.009,
with 300 of 0.013.

Shares of studies in which a difference is called better or worse though there is none. "before" is the former method.

{chr(10).join(null)}

Shares of studies in which H2 finds an ensemble that is truly better by the median minimum detectable difference of the
same number of subjects (no training noise; – where the recall would be 1 and more). Of ten, Holm's step is at least as
generous as the level that the minimum is computed for.

{chr(10).join(power)}
"""
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

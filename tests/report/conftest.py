"""A run folder of each kind, drawn deterministically: plausible numbers, no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukolab.base.files import write_json, write_table
from leukolab.base.findings import Finding, findings_to_text
from leukolab.spec import load_study

CALLED = ("accuracy", "balanced_accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "f1_macro")
INTERVAL = findings_to_text([Finding("interval.groups", "info", {"groups": 40, "replicates": 2000})])
NO_INTERVAL = findings_to_text([Finding("interval.none", "info")])
METRICS = (*CALLED, "f1_weighted", "kappa", "mcc", "auc", "ap", "log_loss", "brier")
RIVALS = ("features", "colour")
HOSTILE = "Benign/<script>alert(1)</script>$x$.jpg"


@dataclass
class Fake:
    """Tables of a run in the making."""

    kind: str
    classes: list[str]
    rng: np.random.Generator
    jobs: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, table: str, *rows: dict[str, Any]) -> None:
        self.rows.setdefault(table, []).extend(rows)


def picture(image_id: str) -> np.ndarray:
    """A cell on black or pink, by its id."""
    rng = np.random.default_rng(abs(hash_of(image_id)) % 2**32)
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    inside = (x**2 * rng.uniform(0.8, 1.3) + y**2) < rng.uniform(0.25, 0.6)
    colour = np.array([rng.uniform(90, 150), 60, rng.uniform(120, 190)])
    canvas = np.zeros((96, 96, 3)) if image_id.endswith("bmp") else np.full((96, 96, 3), 225.0)
    canvas[inside] = colour
    return np.clip(canvas + rng.normal(0, 9, canvas.shape), 0, 255).astype(np.uint8)


def hash_of(text: str) -> int:
    return sum(ord(sign) * 31**place % 1_000_003 for place, sign in enumerate(text))


def index_of(fake: Fake, per_class: int) -> pd.DataFrame:
    rows = []
    for label, name in enumerate(fake.classes):
        for number in range(per_class + 40 * label):
            wen = fake.kind == "wen"
            image_id = f"fold_0/{name}/UID_{number}_{name}.bmp" if wen else f"{name}/WBC-{name}-{number:03d}.jpg"
            subject = f"{name[0].upper()}{number // 14}" if wen else None
            rows.append({"image_id": image_id, "label": label, "class_name": name, "subject": subject, "order": number})
    if fake.kind != "wen":
        rows[0]["image_id"] = HOSTILE
    table = pd.DataFrame(rows).sort_values("image_id", ignore_index=True)
    table["part"] = np.where(table["order"] % 6 == 0, "preliminary", "training") if fake.kind == "wen" else "original"
    table["width"] = table["height"] = 450 if fake.kind == "wen" else fake.rng.integers(218, 230, len(table))
    return table.assign(path="x", field=None, official_fold=None, pixel_digest="0" * 64)


def add_scores(fake: Fake, member: str, protocol: str, outer: int, kind: str, base: float) -> None:
    """Scores of every role, metric and unit around `base`."""
    for role in ("train", "validation", "tuning", "test") if kind == "model" else ("test",):
        for unit in ("image", "subject") if role == "test" else ("image",):
            for metric in METRICS:
                value = float(np.clip(base + fake.rng.normal(0, 0.01) - 0.02 * (unit == "subject"), 0, 0.999))
                value = 1.05 - value if metric in ("log_loss", "brier") else value
                width = 0.05 if role == "test" else np.nan
                fake.add(
                    "scores",
                    {"member": member, "protocol": protocol, "outer": outer, "kind": kind, "role": role}
                    | {
                        "metric": metric,
                        "unit": unit,
                        "value": value,
                        "low": value - width,
                        "high": value + width * 0.8,
                    }
                    | {
                        "interval": INTERVAL if role == "test" else findings_to_text([Finding("interval.none", "info")])
                    },
                )


def add_details(fake: Fake, member: str, protocol: str, outer: int, test: pd.DataFrame, skill: float) -> None:
    """Predictions, confusion matrix, curves and class report of one member."""
    k = len(fake.classes)
    logits = fake.rng.normal(0, 1, (len(test), k))
    logits[np.arange(len(test)), test["label"]] += skill
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    called = (probs[:, 1] >= 0.5).astype(int) if k == 2 else probs.argmax(1)
    table = pd.DataFrame(probs.astype("float32"), columns=[f"p_{j}" for j in range(k)])
    ids = test[["image_id", "label"]].reset_index(drop=True)
    if not member.startswith("wen"):
        fake.rows.setdefault("predictions", []).append(pd.concat([ids.assign(job=member, role="test"), table], axis=1))
    head = {"member": member, "protocol": protocol, "outer": outer, "role": "test"}
    for actual in range(k):
        for call in range(k):
            images = int(((test["label"] == actual).to_numpy() & (called == call)).sum())
            fake.add(
                "confusion", head | {"actual": fake.classes[actual], "called": fake.classes[call], "images": images}
            )
    x = np.linspace(0, 1, 60)
    fake.add("curves", *[{"member": member, "curve": "roc", "x": a, "y": a ** (1 / (1 + skill))} for a in x])
    fake.add("curves", *[{"member": member, "curve": "pr", "x": a, "y": 1 - 0.4 * a ** (1 + skill)} for a in x])
    for name in [*fake.classes, "macro", "weighted"]:
        values = {key: float(fake.rng.uniform(0.9, 1)) for key in ("precision", "recall", "f1")}
        fake.add("class_report", head | {"class_name": name, "support": 70} | values)


def add_job(
    fake: Fake, job: dict[str, Any], epochs: tuple[tuple[str, int], ...], test: pd.DataFrame, base: float
) -> None:
    fake.add("jobs", job | {"seed": 1, "key": f"train-{len(fake.rows.get('jobs', []))}"})
    done = 0
    for stage, count in epochs:
        for epoch in range(1, count + 1):
            done += 1
            gain = 1 - np.exp(-done / 6)
            noise = fake.rng.normal(0, 0.012, 2)
            accuracy, val = np.clip(0.45 + (base - 0.45) * gain + noise, 0, 1)
            row = {"job": job["job"], "stage": stage, "epoch": epoch, "loss": 1.3 - gain, "accuracy": accuracy}
            fake.add("history", row | {"val_loss": 1.35 - gain + noise[0], "val_accuracy": val, "seconds": 2.0})
    add_scores(fake, job["job"], job["protocol"], job["outer"], "model", base)
    add_details(fake, job["job"], job["protocol"], job["outer"], test, 1.2 if fake.kind == "wen" else 3.0)


def fill_subtypes(fake: Fake, index: pd.DataFrame) -> None:
    plan = {
        "published": {"frozen": 5, "finetune": 3, "whole": 1},
        "corrected": {"frozen": 10, "finetune": 3, "whole": 1},
    }
    lengths = {"frozen": 46, "finetune": 6, "whole": 4}
    for protocol, readings in plan.items():
        base = 0.985 if protocol == "published" else 0.965
        test = index.iloc[::10]
        for reading, count in readings.items():
            for outer in range(1, count + 1):
                job = {"job": f"{protocol}-{reading}-{outer}", "protocol": protocol, "reading": reading, "outer": outer}
                job |= {"learning_rate": 1e-4, "fold": 1}
                add_job(fake, job, ((reading, lengths[reading]),), test, base - 0.01 * (reading == "whole"))
            if count > 1:
                add_scores(fake, f"{protocol}/{reading}", protocol, 0, "summary", base)
        for rival in RIVALS:
            for outer in range(1, readings["frozen"] + 1):
                name = f"rival:{rival}:{protocol}:outer{outer}"
                add_scores(fake, name, protocol, outer, "rival", base - 0.005 * (rival == "colour"))
                add_details(fake, name, protocol, outer, test, 2.5)
            add_scores(fake, f"rival:{rival}:{protocol}", protocol, 0, "summary", base - 0.005)


def fill_wen(fake: Fake, index: pd.DataFrame) -> None:
    test = index[index["order"] % 5 == 0]
    jobs: dict[float, list[str]] = {}
    for rate in (1e-3, 1e-4, 1e-5):
        for fold in range(1, 6):
            name = f"corrected-two_stage-1-{rate:g}-{fold}"
            jobs.setdefault(rate, []).append(name)
            job = {"job": name, "protocol": "corrected", "reading": "two_stage", "outer": 1}
            add_job(fake, job | {"learning_rate": rate, "fold": fold}, (("head", 14), ("finetune", 11)), test, 0.78)
    champions = [names[1] for names in jobs.values()]
    groups = [("inter_lr", f"wen-inter-{rate:g}", names) for rate, names in jobs.items()]
    groups += [("intra_lr", "wen-intra", champions)]
    for scenario, name, members in groups:
        for scheme in ("accuracy", "f1", "kappa"):
            add_ensemble(fake, f"{name}-{scheme}", scenario, scheme, members, test)
    add_ensemble(fake, "wen-equal", "intra_lr", "equal", champions, test)
    add_ensemble(fake, "wen-single", "single", "single", champions[:1], test)
    for rival in RIVALS:
        add_scores(fake, f"rival:{rival}:corrected:outer1", "corrected", 1, "rival", 0.77)
        add_details(fake, f"rival:{rival}:corrected:outer1", "corrected", 1, test, 1.5)
    rates = [side("learning_rate", rate=rate) for rate in (1e-3, 1e-4, 1e-5)]
    schemes = [side("scheme", scheme=scheme) for scheme in ("accuracy", "f1", "kappa")]
    pairs = [("H1", *pair) for pair in combinations(rates, 2)]
    pairs += [("H2", side("best_ensemble"), side("best_single"))]
    pairs += [("H3", side("intra_lr", scheme=s), side("inter_lr", scheme=s)) for s in ("accuracy", "f1", "kappa")]
    pairs += [("H4", *pair) for pair in combinations(schemes, 2)]
    for number, (hypothesis, first, second) in enumerate(pairs):
        difference = float(fake.rng.normal(0.005, 0.02))
        row = {
            "hypothesis": hypothesis,
            "first": first,
            "second": second,
            "answer": "same",
            "difference": difference,
            "low": difference - 0.03,
        }
        row |= {"high": difference + 0.03, "p_value": 0.1 + number / 20, "p_holm": min(1, 0.3 + number / 20)}
        fake.add("hypotheses", row)


def side(kind: str, **values: object) -> str:
    return findings_to_text([Finding(f"side.{kind}", "info", values)])


def add_ensemble(fake: Fake, name: str, scenario: str, scheme: str, members: list[str], test: pd.DataFrame) -> None:
    weights = fake.rng.dirichlet([60] * len(members))
    for job, weight in zip(members, weights, strict=True):
        row = {"ensemble": name, "protocol": "corrected", "outer": 1, "scenario": scenario, "scheme": scheme}
        fake.add("ensembles", row | {"job": job, "score": 0.5, "weight": float(weight), "findings": ""})
    add_scores(fake, name, "corrected", 1, "ensemble", 0.8)
    add_details(fake, name, "corrected", 1, test, 2.0)


def composition(fake: Fake, index: pd.DataFrame, protocols: dict[str, tuple[int, int]]) -> None:
    counts = index["class_name"].value_counts()
    shares = {"train": 0.7, "validation": 0.1, "tuning": 0.1, "test": 0.1}
    for protocol, (outers, folds) in protocols.items():
        for outer in range(1, outers + 1):
            for fold in range(1, folds + 1):
                for role, share in shares.items():
                    if role == "tuning" and protocol == "published":
                        continue
                    for name in fake.classes:
                        images = int(counts[name] * share)
                        copies = 120 if role == "train" and fake.kind != "wen" else images
                        row = {"protocol": protocol, "outer": outer, "fold": fold, "role": role, "class_name": name}
                        fake.add("composition", row | {"images": images, "copies": copies, "groups": images // 14})


def fake_run(folder: Path, kind: str) -> Path:
    """Write a whole run folder of `kind` ("subtypes" or "wen")."""
    classes = ["hem", "all"] if kind == "wen" else ["Benign", "Early", "Pre", "Pro"]
    fake = Fake(kind, classes, np.random.default_rng(5))
    index = index_of(fake, 140)
    (fill_wen if kind == "wen" else fill_subtypes)(fake, index)
    protocols = {"corrected": (1, 5)} if kind == "wen" else {"published": (5, 1), "corrected": (10, 1)}
    composition(fake, index, protocols)
    predictions = pd.concat(fake.rows.pop("predictions"), ignore_index=True)
    write_table(folder / "predictions.parquet", predictions)
    write_table(folder / "index.parquet", index)
    for name, rows in fake.rows.items():
        write_table(folder / f"{name}.parquet", pd.DataFrame(rows))
    spec = load_study(kind).model_dump(mode="json")
    write_json(folder / "spec.json", spec)
    for protocol in protocols:
        write_json(folder / "split" / protocol / "split.json", head_of(kind, protocol, spec))
    write_rest(folder, kind, classes)
    return folder


def head_of(kind: str, protocol: str, spec: dict[str, Any]) -> dict[str, Any]:
    split = spec["protocols"][protocol]["split"]
    leakage = "known" if protocol == "published" else "none" if kind == "wen" else "subjects-unknown"
    few = Finding("split.few_test_groups", "warning", {"limit": 20, "parts": [1], "fewest": 9, "width": 0.2})
    findings = [few.as_json()] if kind == "wen" else []
    head = {"protocol": protocol, "kind": split["kind"], "by": "group" if kind == "wen" else split["by"], "seed": 2019}
    return head | {
        "leakage": leakage,
        "findings": findings,
        "data_fingerprint": "a" * 64,
        "groups_fingerprint": "b" * 64,
    }


def write_rest(folder: Path, kind: str, classes: list[str]) -> None:
    """The JSON files."""
    wen = kind == "wen"
    card = {"name": "cnmc2019" if wen else "all_subtypes", "title": "C-NMC 2019" if wen else "ALL image data set"}
    card |= {"source": "The Cancer Imaging Archive", "doi": "10.0000/x", "licence": "CC BY 3.0", "synthetic": False}
    write_json(folder / "card.json", card | {"class_names": classes, "counts": {}})
    versions = {"python": "3.11", "torch": "2.4", "leukolab": "0.1.0"}
    times = {"started": "2025-01-01T10:00:00", "seconds": 1234.5, "command": f"leukolab study run {kind} --data ROOT"}
    write_json(folder / "environment.json", {"versions": versions, "machine": {"processor": "x", "cores": 2}} | times)
    layers = [("conv_stem", "Conv2d", [40, 112, 112], 1080), ("blocks.6", "Sequential", [384, 7, 7], 4_000_000)]
    layers += [("global_pool", "AvgPool", [1536], 0), ("classifier", "Linear", [len(classes)], 1536 * len(classes))]
    rows = [
        {
            "name": a,
            "kind": b,
            "output_shape": c,
            "parameters": d,
            "trained": {"head": a == "classifier", "finetune": d > 3e6},
        }
        for a, b, c, d in layers
    ]
    write_json(folder / "architecture.json", {"rows": rows, "total_parameters": sum(row[3] for row in layers)})
    members = (
        [f"corrected-two_stage-1-{rate}-2" for rate in ("0.001", "0.0001", "1e-05")] if wen else ["corrected-frozen-1"]
    )
    chosen = {
        "member": "wen-intra-kappa" if wen else members[0],
        "jobs": members,
        "weights": [1 / len(members)] * len(members),
    }
    write_json(folder / "chosen.json", chosen | {"test": {}, "command": "leukolab predict IMAGES --run RUN"})
    sentence = "The network reaches 0.965 on contiguous blocks; colour alone reaches 0.960."
    more = "The difference is within the spread of the blocks, so the network shows little beyond colour."
    write_json(
        folder / "answers.json", {"headline": [sentence, more], "warnings": ["Few groups: read the intervals first."]}
    )


@pytest.fixture(scope="session", autouse=True)
def _coarse_png() -> Iterator[None]:
    """PNG files of low resolution: quicker, and nothing looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukolab.report.figures.canvas.PNG_DPI", 72)
        yield


@pytest.fixture(scope="session")
def thumbnail() -> Callable[[str], np.ndarray]:
    return picture


@pytest.fixture(scope="session")
def make_run() -> Callable[[Path, str], Path]:
    return fake_run

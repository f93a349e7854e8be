"""The boxes of the flow diagrams, filled with the run's own numbers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd

from leukolab.report import chosen
from leukolab.report.figures.flow import Box
from leukolab.report.names import rates_text
from leukolab.report.run import Run
from leukolab.report.texts import Texts

Flow = tuple[list[Box], list[tuple[str, str]]]


def counts(run: Run, protocol: str, column: str = "copies") -> dict[str, int]:
    """Images of each role in the first fold of the first outer part; `copies` counts every use of an image."""
    table: pd.DataFrame = run.composition
    rows = table[(table["protocol"] == protocol) & (table["outer"] == chosen.first_outer(run, protocol))]
    rows = rows[rows["fold"] == rows["fold"].min()]
    return {str(role): int(number) for role, number in rows.groupby("role")[column].sum().items()}


def data_flow(run: Run, texts: Texts) -> Flow:
    """All images, then each protocol's own way to train, validation, tuning and test (Gambar 1)."""
    protocols = run.protocols
    boxes = [
        Box(
            "all",
            0.5,
            0,
            0.46,
            texts("flow.images", count=len(run.index)),
            texts("flow.classes", count=len(run.class_names)),
        )
    ]
    arrows = []
    for number, protocol in enumerate(protocols):
        x = (number + 0.5) / len(protocols)
        width = 0.9 / len(protocols)
        found, way = _protocol_flow(run, texts, protocol, x, width)
        boxes += found
        arrows += [("all", found[0].name), *way]
    return boxes, arrows


def _protocol_flow(run: Run, texts: Texts, protocol: str, x: float, width: float) -> Flow:
    """One protocol's column: balance before or after the split, then its parts."""
    balance = run.spec.get("protocols", {}).get(protocol, {}).get("balance", {})
    numbers = counts(run, protocol)
    when, per_class = balance.get("when", "never"), balance.get("per_class")
    tone = "care" if protocol == "published" else "judge"
    title = Box(
        f"{protocol}-0",
        x,
        1,
        width * 0.9,
        texts.name("protocols", protocol),
        texts.name("leakage", _leak(run, protocol)),
        tone,
    )
    split = (texts("flow.split"), texts.name("split_kinds", _kind(run, protocol)))
    steps = {
        "before_split": [(texts("flow.balance"), texts("flow.per_class", count=per_class)), split],
        "in_training": [split, (texts("flow.balance_train"), texts("flow.per_class", count=per_class))],
    }.get(when, [split])
    chain = [title] + [
        Box(f"{protocol}-{row}", x, row + 1, width * 0.9, heading, line, "work")
        for row, (heading, line) in enumerate(steps, start=1)
    ]
    roles = [role for role in ("train", "validation", "tuning", "test") if role in numbers]
    share = width / max(len(roles), 1)
    parts = [
        Box(
            f"{protocol}-{role}",
            x - width / 2 + share * (place + 0.5),
            len(steps) + 2,
            share * 0.92,
            texts.name("roles_short", role),
            f"{numbers[role]:,}",
        )
        for place, role in enumerate(roles)
    ]
    arrows = [(a.name, b.name) for a, b in pairwise(chain)]
    return chain + parts, arrows + [(chain[-1].name, part.name) for part in parts]


def _leak(run: Run, protocol: str) -> str:
    return str(run.heads.get(protocol, {}).get("leakage", "unknown"))


def _kind(run: Run, protocol: str) -> str:
    return str(run.heads.get(protocol, {}).get("kind", "unknown"))


def study_flow(run: Run, texts: Texts, protocol: str) -> Flow:
    """From images to the one look at the test part (Gambar 3.2)."""
    numbers = counts(run, protocol, "images")
    jobs = run.jobs[run.jobs["protocol"] == protocol]
    jobs = jobs[jobs["outer"] == jobs["outer"].min()]
    rates, folds = jobs["learning_rate"].nunique(), jobs["fold"].nunique()
    ensembles = len(chosen.weighted(chosen.ensembles_of(run, protocol, chosen.first_outer(run, protocol))))
    tuning = "tuning" in numbers
    inner = numbers.get("train", 0) + numbers.get("validation", 0)
    boxes = [
        Box(
            "all", 0.5, 0, 0.5, texts("flow.images", count=len(run.index)), texts.name("leakage", _leak(run, protocol))
        ),
        Box("split", 0.5, 1, 0.5, texts("flow.split"), texts.name("split_kinds", _kind(run, protocol)), "work"),
        Box("inner", 0.2, 2, 0.36, texts("flow.inner"), texts("flow.count", count=inner)),
        Box(
            "test",
            0.86,
            2,
            0.26,
            texts.name("roles", "test"),
            texts("flow.count", count=numbers.get("test", 0)),
            "care",
        ),
        Box(
            "jobs",
            0.2,
            3,
            0.36,
            texts("flow.jobs", count=len(jobs)),
            texts("flow.jobs_of", rates=rates, folds=folds),
            "work",
        ),
        Box("wen", 0.345, 4, 0.65, texts("flow.wen", count=ensembles), texts("flow.wen_line"), "mix"),
        Box("once", 0.5, 5, 0.66, texts("flow.once"), texts("flow.once_line"), "judge"),
    ]
    arrows = [
        ("all", "split"),
        ("split", "inner"),
        ("split", "test"),
        ("inner", "jobs"),
        ("jobs", "wen"),
        ("wen", "once"),
        ("test", "once"),
    ]
    if tuning:
        boxes.append(
            Box(
                "tuning",
                0.555,
                2,
                0.26,
                texts.name("roles", "tuning"),
                texts("flow.count", count=numbers["tuning"]),
                "mix",
            )
        )
        arrows += [("split", "tuning"), ("tuning", "wen")]
    return boxes, arrows


def training_flow(run: Run, texts: Texts) -> Flow:
    """The stages of one job (Gambar 3.3)."""
    model = run.spec.get("model", {})
    reading: dict[str, Any] = next(iter(run.spec.get("readings", {}).values()), {})
    boxes = [
        Box("weights", 0.5, 0, 0.7, texts("flow.weights"), str(model.get("backbone", ""))),
        Box("batch", 0.5, 1, 0.7, texts("flow.batch"), _batch(run, texts), "work"),
    ]
    for number, stage in enumerate(reading.get("stages", []), start=1):
        heading = texts("flow.stage", number=number, release=texts.name("release", stage.get("release")))
        patience = stage.get("patience")
        line = texts("flow.epochs", epochs=stage.get("epochs"))
        line = f"{line}, {texts('flow.patience', patience=patience)}" if patience else line
        boxes.append(Box(f"stage-{number}", 0.5, 2 * number, 0.7, heading, line, "work"))
        boxes.append(
            Box(f"best-{number}", 0.5, 2 * number + 1, 0.7, texts("flow.best"), texts("flow.best_line"), "judge")
        )
    boxes.append(Box("end", 0.5, boxes[-1].row + 1, 0.7, texts("flow.predictions"), texts("flow.predictions_line")))
    return boxes, [(a.name, b.name) for a, b in pairwise(boxes)]


def _batch(run: Run, texts: Texts) -> str:
    """Size of pictures and batch, learning rates."""
    training = run.spec.get("training", {})
    rates = rates_text(run, next(iter(run.spec.get("readings", {})), ""))
    size = run.spec.get("image", {}).get("size_px", "?")
    return texts("flow.batch_line", size=size, batch=training.get("batch_size", "?"), rates=rates)


def ensemble_flow(texts: Texts) -> Flow:
    """How members become one call (Gambar 3.4)."""
    boxes = [
        Box("inter", 0.25, 0, 0.46, texts("flow.inter"), texts("flow.inter_line")),
        Box("intra", 0.75, 0, 0.46, texts("flow.intra"), texts("flow.intra_line")),
        Box("score", 0.5, 1, 0.7, texts("flow.score"), texts("flow.score_line"), "judge"),
        Box("weight", 0.5, 2, 0.7, texts("flow.weight"), texts("flow.weight_line"), "mix"),
        Box("sum", 0.5, 3, 0.7, texts("flow.sum"), texts("flow.sum_line"), "mix"),
        Box("call", 0.5, 4, 0.7, texts("flow.call"), texts("flow.call_line"), "care"),
    ]
    return boxes, [("inter", "score"), ("intra", "score"), ("score", "weight"), ("weight", "sum"), ("sum", "call")]

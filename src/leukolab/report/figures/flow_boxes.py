"""The boxes of the flow diagrams, filled with the run's own numbers."""

from __future__ import annotations

from itertools import pairwise

from leukolab.report import chosen
from leukolab.report.figures.flow import Box
from leukolab.report.names import Names, rates_text
from leukolab.report.run import Run
from leukolab.report.texts import Texts
from leukolab.splits import ROLES

Flow = tuple[list[Box], list[tuple[str, str]]]


def counts(run: Run, protocol: str, column: str = "copies") -> dict[str, int]:
    """Images of each role in the first fold of the first outer part; `copies` counts every use of an image."""
    table = run.composition
    rows = table[(table["protocol"] == protocol) & (table["outer"] == chosen.first_outer(run, protocol))]
    rows = rows[rows["fold"] == rows["fold"].min()]
    return {str(role): int(number) for role, number in rows.groupby("role")[column].sum().items()}


def data_flow(run: Run, texts: Texts) -> Flow:
    """All images, then each protocol's own way to train, validation, tuning and test (Gambar 1)."""
    images, classes = texts("flow.images", count=len(run.index)), texts("flow.classes", count=len(run.class_names))
    boxes, arrows = [Box("all", 0.5, 0, 0.46, images, classes)], []
    for number, protocol in enumerate(run.protocols):
        x, width = (number + 0.5) / len(run.protocols), 0.9 / len(run.protocols)
        found, way = _protocol_flow(run, texts, protocol, x, width)
        boxes += found
        arrows += [("all", found[0].name), *way]
    return boxes, arrows


def _protocol_flow(run: Run, texts: Texts, protocol: str, x: float, width: float) -> Flow:
    """One protocol's column: balance before or after the split, then its parts."""
    tone = "care" if run.reproduces(protocol) else "judge"
    lines = [(texts.name("protocols", protocol), _leak(run, texts, protocol), tone)]
    lines += [(heading, line, "work") for heading, line in _steps(run, texts, protocol)]
    chain = [Box(f"{protocol}-{row}", x, row + 1, width * 0.9, *line) for row, line in enumerate(lines)]
    numbers = counts(run, protocol)
    roles = [role for role in ROLES if role in numbers]
    share = width / max(len(roles), 1)
    parts = [
        Box(
            f"{protocol}-{role}", x - width / 2 + share * (place + 0.5), len(chain) + 1, share * 0.92,
            texts.name("roles_short", role), f"{numbers[role]:,}",
        )
        for place, role in enumerate(roles)
    ]  # fmt: skip
    arrows = [(a.name, b.name) for a, b in pairwise(chain)]
    return chain + parts, arrows + [(chain[-1].name, part.name) for part in parts]


def _steps(run: Run, texts: Texts, protocol: str) -> list[tuple[str, str]]:
    """Split and balance of a protocol in their order, each with a line below."""
    balance = run.spec.protocols[protocol].balance
    split = (texts("flow.split"), texts.name("split_kinds", run.heads[protocol].kind))
    per_class = texts("flow.per_class", count=balance.per_class)
    if balance.when == "before_split":
        return [(texts("flow.balance"), per_class), split]
    return [split, (texts("flow.balance_train"), per_class)] if balance.when == "in_training" else [split]


def _leak(run: Run, texts: Texts, protocol: str) -> str:
    return texts.name("leakage", run.heads[protocol].leakage)


def study_flow(run: Run, texts: Texts, protocol: str) -> Flow:
    """From images to the one look at the test part (Gambar 3.2)."""
    numbers = counts(run, protocol, "images")
    inner = numbers.get("train", 0) + numbers.get("validation", 0)
    images = {role: texts("flow.count", count=count) for role, count in (numbers | {"inner": inner}).items()}
    boxes = [
        Box("all", 0.5, 0, 0.5, texts("flow.images", count=len(run.index)), _leak(run, texts, protocol)),
        Box("split", 0.5, 1, 0.5, texts("flow.split"), texts.name("split_kinds", run.heads[protocol].kind), "work"),
        Box("inner", 0.2, 2, 0.36, texts("flow.inner"), images["inner"]),
        Box("test", 0.86, 2, 0.26, texts.name("roles", "test"), images["test"], "care"),
        *_models(run, texts, protocol),
        Box("once", 0.5, 5, 0.66, texts("flow.once"), _once(run, texts, protocol), "judge"),
    ]
    ways = "all>split split>inner split>test inner>jobs jobs>wen wen>once test>once"
    if "tuning" in numbers:
        boxes.append(Box("tuning", 0.555, 2, 0.26, texts.name("roles", "tuning"), images["tuning"], "mix"))
        ways += " split>tuning tuning>wen"
    return boxes, [(way.split(">")[0], way.split(">")[1]) for way in ways.split()]


def _once(run: Run, texts: Texts, protocol: str) -> str:
    """How the test part is looked at: once, or again after champions were chosen on it."""
    on_test = run.spec.protocols[protocol].champion_on == "test"
    return texts("flow.once_line_published") if on_test else texts("flow.once_line")


def _models(run: Run, texts: Texts, protocol: str) -> list[Box]:
    """The models of the first outer part, and the ensembles they are mixed into."""
    outer = chosen.first_outer(run, protocol)
    models = run.of_kind("model", protocol=protocol, outer=outer)
    rates, folds = len({one.learning_rate for one in models}), len({one.fold for one in models})
    ensembles = sum(one.weighted for one in chosen.ensembles_of(run, protocol, outer))
    count, line = texts("flow.jobs", count=len(models)), texts("flow.jobs_of", rates=rates, folds=folds)
    settings = run.spec.protocols[protocol]
    rule = texts("flow.wen_line", champion=settings.champion_on, weights=settings.weights_on)
    return [
        Box("jobs", 0.2, 3, 0.36, count, line, "work"),
        Box("wen", 0.345, 4, 0.65, texts("flow.wen", count=ensembles), rule, "mix"),
    ]


def training_flow(run: Run, texts: Texts) -> Flow:
    """The stages of one job (Gambar 3.3)."""
    reading = next(iter(run.spec.readings.values()))
    boxes = [
        Box("weights", 0.5, 0, 0.7, texts("flow.weights", begun=run.begun_with), run.spec.model.backbone),
        Box("batch", 0.5, 1, 0.7, texts("flow.batch"), _batch(run, texts), "work"),
    ]
    for number, stage in enumerate(reading.stages, start=1):
        heading = texts("flow.stage", number=number, release=texts.name("release", stage.release))
        line = texts("flow.epochs", epochs=stage.epochs)
        if stage.patience:
            words = {"patience": stage.patience}
            line = f"{line}, {texts('flow.patience', **words) if stage.stop else texts('flow.noted', **words)}"
        best = (texts("flow.best"), texts("flow.best_line"), "judge")
        boxes.append(Box(f"stage-{number}", 0.5, 2 * number, 0.7, heading, line, "work"))
        boxes.append(Box(f"best-{number}", 0.5, 2 * number + 1, 0.7, *best))
    boxes.append(Box("end", 0.5, boxes[-1].row + 1, 0.7, texts("flow.predictions"), texts("flow.predictions_line")))
    return boxes, [(a.name, b.name) for a, b in pairwise(boxes)]


def _batch(run: Run, texts: Texts) -> str:
    """Size of pictures and batch, learning rates."""
    rates = rates_text(run.spec, next(iter(run.spec.readings)), texts)
    return texts("flow.batch_line", size=run.spec.image.size_px, batch=run.spec.training.batch_size, rates=rates)


def ensemble_flow(run: Run, names: Names, texts: Texts) -> Flow:
    """How members become one call (Gambar 3.4)."""
    schemes = list(run.spec.ensembles.schemes) if run.spec.ensembles else []
    call = texts("flow.call_line_likeliest")
    if len(run.class_names) == 2:
        call = texts("flow.call_line", positive=names.class_name(run.class_names[1]))
    boxes = [
        Box("inter", 0.25, 0, 0.46, texts("flow.inter"), texts("flow.inter_line")),
        Box("intra", 0.75, 0, 0.46, texts("flow.intra"), texts("flow.intra_line")),
        Box("score", 0.5, 1, 0.7, texts("flow.score"), texts("flow.score_line", schemes=schemes), "judge"),
        Box("weight", 0.5, 2, 0.7, texts("flow.weight"), texts("flow.weight_line"), "mix"),
        Box("sum", 0.5, 3, 0.7, texts("flow.sum"), texts("flow.sum_line"), "mix"),
        Box("call", 0.5, 4, 0.7, texts("flow.call"), call, "care"),
    ]
    return boxes, [("inter", "score"), ("intra", "score"), ("score", "weight"), ("weight", "sum"), ("sum", "call")]

"""A methods paragraph to start from, with the run's own settings and numbers."""

from __future__ import annotations

from leukolab.report.names import rates_text
from leukolab.report.run import Run, without_folders
from leukolab.report.texts import Texts


def methods_paragraph(run: Run, texts: Texts) -> str:
    """Markdown: data, split, network, training, evaluation, limits."""
    parts = [_data(run, texts), *(_split(run, texts, name) for name in run.protocols), _network(run, texts)]
    parts += [_training(run, texts), _evaluation(run, texts)]
    heading = texts("methods_text.heading", title=run.spec.words(texts.language).title)
    return (
        "\n\n".join([f"# {heading}", texts("methods_text.intro"), " ".join(parts), texts("methods_text.limits")]) + "\n"
    )


def _data(run: Run, texts: Texts) -> str:
    index = run.index
    subjects = int(index["subject"].nunique())
    counts = index["class_name"].value_counts().reindex(run.class_names).dropna().astype(int)
    classes = ", ".join(f"{name} {count}" for name, count in counts.items())
    key = "methods_text.subjects" if subjects else "methods_text.no_subjects"
    kind = f"{texts('methods_text.synthetic')} " if run.card.synthetic else ""
    data = texts("methods_text.data", count=len(index), title=run.card.title, classes=classes, kind=kind)
    return f"{data} {texts(key, count=subjects)}"


def _split(run: Run, texts: Texts, protocol: str) -> str:
    head = run.heads[protocol]
    return texts(
        "methods_text.split",
        protocol=texts.name("protocols", protocol),
        kind=texts.name("split_kinds", head.kind),
        by=texts.name("split_by", head.by),
        seed=str(head.seed),
        leakage=texts.name("leakage", head.leakage),
    )


def _network(run: Run, texts: Texts) -> str:
    model, image = run.spec.model, run.spec.image
    weights = without_folders(model.model_dump(mode="json"))["weights"]
    crop = image.crop_px
    return texts(
        "methods_text.network",
        cut=f"{texts('methods_text.cut', crop=crop)} " if crop else "",
        backbone=model.backbone,
        weights=weights,
        pooling=model.pooling,
        dropout=texts.number(model.dropout, "g"),
        head=model.head,
        size=image.size_px,
    )


def _training(run: Run, texts: Texts) -> str:
    readings = "; ".join(_reading(run, name, texts) for name in run.spec.readings)
    training, seed = run.spec.training, str(run.spec.seed)
    return texts(
        "methods_text.training",
        optimizer=training.optimizer,
        batch=training.batch_size,
        readings=readings,
        seed=seed,
    )


def _reading(run: Run, name: str, texts: Texts) -> str:
    """One reading, its learning rates and its stages in words."""
    stages = [
        texts("methods_text.stage", release=texts.name("release", stage.release), epochs=stage.epochs)
        for stage in run.spec.readings[name].stages
    ]
    words = {
        "reading": texts.name("methods", name),
        "rates": rates_text(run.spec, name, texts),
        "stages": ", ".join(stages),
    }
    return texts("methods_text.reading", **words)


def _evaluation(run: Run, texts: Texts) -> str:
    rows = run.scores[(run.scores["kind"] != "summary") & run.scores["low"].notna() & (run.scores["role"] == "test")]
    methods = [texts.findings(str(found), "; ") for found in rows["interval"].unique()]
    return texts("methods_text.evaluation", intervals="; ".join(methods[:3]), jobs=len(run.jobs))

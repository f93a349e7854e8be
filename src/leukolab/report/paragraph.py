"""A methods paragraph to start from, with the run's own settings and numbers."""

from __future__ import annotations

from collections.abc import Iterator

from leukolab.base.findings import findings_from_text
from leukolab.report.about import words_of
from leukolab.report.method_words import final_in_words, methods_in_words
from leukolab.report.names import Names, rates_text
from leukolab.report.run import Run, without_folders
from leukolab.report.texts import Texts
from leukolab.spec import AugmentSpec, BalanceSpec, StageSpec

PROGRAMS = {"python": "Python", "torch": "PyTorch", "torchvision": "torchvision", "timm": "timm"}
"""Programs whose versions are named, as they are written."""


def methods_paragraph(run: Run, names: Names, texts: Texts) -> str:
    """Markdown: data, splits, network, training, ensembles, evaluation, machine, limits."""
    parts = [*_data(run, names, texts), *(text for name in run.protocols for text in _protocol(run, texts, name))]
    if run.spec.readings:
        parts += [_network(run, texts), *_training(run, names, texts)]
    parts += [
        *methods_in_words(run.folder.methods, texts),
        *final_in_words(run.folder.finals, texts),
        *_choice(run, texts),
        *_evaluation(run, texts),
    ]
    parts += [_machine(run, texts)]
    heading = texts("methods_text.heading", title=words_of(run, names, texts).title)
    body = " ".join(parts)
    return "\n\n".join([f"# {heading}", texts("methods_text.intro"), body, texts("methods_text.limits")]) + "\n"


def _data(run: Run, names: Names, texts: Texts) -> Iterator[str]:
    index = run.index
    subjects = int(index["subject"].nunique())
    counts = index["class_name"].value_counts().reindex(run.class_names).dropna().astype(int)
    classes = ", ".join(f"{names.class_name(str(name))} {count}" for name, count in counts.items())
    kind = f"{texts('methods_text.synthetic')} " if run.card.synthetic else ""
    yield texts("methods_text.data", count=len(index), title=names.data_set(run.card.title), classes=classes, kind=kind)
    if subjects:
        blank = int(index["subject"].isna().sum())
        yield texts("methods_text.subjects", count=subjects)
        if blank:
            yield texts("methods_text.blank_subjects", count=blank)
    else:
        yield texts("methods_text.no_subjects")
    if len(run.class_names) == 2:
        decided = run.card.classes.decided_by
        yield texts("methods_text.positive", name=names.class_name(run.class_names[1]), by=decided)


def _protocol(run: Run, texts: Texts, protocol: str) -> Iterator[str]:
    """How one protocol cuts and balances the data, and on which parts it chooses."""
    head, settings = run.heads[protocol], run.spec.protocols[protocol]
    yield texts(
        "methods_text.split",
        protocol=texts.name("protocols", protocol),
        kind=texts.name("split_kinds", head.kind),
        by=texts.name("split_by", head.by),
        seed=str(head.seed),
        leakage=texts.name("leakage", head.leakage),
    )
    yield from _balance(settings.balance, texts)
    yield texts("methods_text.chosen_on", role=settings.champion_on)
    if run.mixes:
        yield texts("methods_text.weights_on", role=settings.weights_on)
        few = sorted(set(head.few_tuning_outer) & set(run.jobs.loc[run.jobs["protocol"] == protocol, "outer"]))
        if few and settings.weights_on == "tuning":
            yield texts("methods_text.fallback", parts=few)


def _balance(balance: BalanceSpec, texts: Texts) -> Iterator[str]:
    if balance.when == "before_split":
        yield texts("methods_text.balance_before", count=balance.per_class)
    elif balance.when == "in_training":
        yield texts("methods_text.balance_training", count=balance.per_class)


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


def _training(run: Run, names: Names, texts: Texts) -> Iterator[str]:
    readings = "; ".join(_reading(run, name, names) for name in run.spec.readings)
    training, seed = run.spec.training, str(run.spec.seed)
    yield texts(
        "methods_text.training",
        optimizer=training.optimizer,
        batch=training.batch_size,
        readings=readings,
        seed=seed,
    )
    yield texts("methods_text.class_weights") if training.class_weights else texts("methods_text.no_class_weights")
    yield _augmentation(training.augment, texts)


def _augmentation(augment: AugmentSpec, texts: Texts) -> str:
    """What is changed at random, how far, and how often."""
    if not augment.active:
        return texts("methods_text.no_augmentation")
    amounts = {name: getattr(augment, name) for name in ("brightness", "contrast", "rotate_deg")}
    changes = [texts.name("changes", name) for name in ("flip_horizontal", "flip_vertical") if getattr(augment, name)]
    changes += [f"{texts.name('changes', name)} {texts.number(value, 'g')}" for name, value in amounts.items() if value]
    if augment.views == "online":
        views = texts("methods_text.views_online")
    elif augment.bank == "study":
        views = texts("methods_text.views_of_study", count=augment.views)
    else:
        views = texts("methods_text.views_of_model", count=augment.views)
    return texts("methods_text.augmentation", changes=", ".join(changes), views=views)


def _reading(run: Run, name: str, names: Names) -> str:
    """One reading, its learning rates and its stages in words."""
    texts = names.texts
    words = {
        "reading": names.method(name),
        "rates": rates_text(run.spec, name, texts),
        "stages": ", ".join(_stage(stage, texts) for stage in run.spec.readings[name].stages),
    }
    return texts("methods_text.reading", **words)


def _stage(stage: StageSpec, texts: Texts) -> str:
    said = texts("methods_text.stage", release=texts.name("release", stage.release), epochs=stage.epochs)
    patience = ""
    if stage.patience:
        stops = stage.stops_after is not None
        noted = texts("methods_text.patience_noted", epochs=stage.patience)
        patience = texts("methods_text.patience", epochs=stage.patience) if stops else noted
    return f"{said} {patience}".strip()


def _choice(run: Run, texts: Texts) -> Iterator[str]:
    """The rule by which models are chosen, and how ensembles are made."""
    yield texts("methods_text.rule")
    ensembles = run.spec.ensembles
    if ensembles is not None:
        yield texts("methods_text.ensembles", schemes=list(ensembles.schemes), scenarios=list(ensembles.scenarios))


def _evaluation(run: Run, texts: Texts) -> Iterator[str]:
    yield texts("methods_text.evaluation", jobs=len(run.jobs), shortcut=run.shortcut)
    rows = run.scores[run.scores["low"].notna() & (run.scores["role"] == "test")]
    found = {one.code: one for text in rows["interval"].unique() for one in findings_from_text(str(text))}
    methods = [texts.name("interval_methods", code.partition(".")[2]) for code in found if code not in HOW_MANY]
    if methods:
        yield texts("methods_text.intervals", intervals="; ".join(sorted(set(methods))))
    if len(run.hypotheses):
        yield texts("methods_text.tests")


HOW_MANY = (
    "interval.range", "interval.parts", "interval.folds_and_parts", "interval.none", "interval.effective_subjects",
    "interval.one_subject", "interval.two_subjects", "interval.one_group",
)  # fmt: skip
"""Findings about intervals that tell of what they are, not how they are made."""


def _machine(run: Run, texts: Texts) -> str:
    """Device, precision and what computed the frozen part, with the versions of the programs."""
    runtime, facts = run.spec.runtime, run.environment.facts
    programs = [f"Leukolab {run.environment.leukolab}"] if run.environment.leukolab else []
    programs += [f"{name} {facts[key]}" for key, name in PROGRAMS.items() if key in facts]
    return texts(
        "methods_text.machine",
        device=runtime.device,
        precision=runtime.precision,
        trunk=runtime.trunk,
        programs=", ".join(programs),
    )

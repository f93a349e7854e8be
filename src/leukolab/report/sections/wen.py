"""Sections of studies that mix their models, in the form of the ensemble study's proposal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from leukolab.report import chosen
from leukolab.report.figures import flow_boxes as flows
from leukolab.report.figures import headline
from leukolab.report.figures.flow import flow
from leukolab.report.figures.learning import Curve, learning
from leukolab.report.figures.scores import comparison, curves, differences
from leukolab.report.figures.scores import folds as folds_figure
from leukolab.report.hypotheses import in_words
from leukolab.report.items import Drawing, Item, Section
from leukolab.report.names import rate_text
from leukolab.report.sections.common import (
    Scene,
    curve_labels,
    kept,
    of_part,
)
from leukolab.report.sections.confusion import confusion_item
from leukolab.report.tables import wen as tables_wen


def hypotheses(scene: Scene) -> Section:
    """H1 to H4."""
    return Section("answers", kept(_hypotheses(scene), tables_wen.hypotheses_sheet(scene.run, scene.texts)))


def members(scene: Scene) -> Section:
    """Every member of the first outer part, by image and by subject."""
    units = tables_wen.units_sheet(scene.run, scene.names, scene.texts)
    return Section("members", kept(*_each(scene, _members), units))


def study_flow(scene: Scene) -> Section:
    """How the study, one training and one ensemble flow."""
    return Section("flow", (*_each(scene, _study_flow), *_flows(scene)))


def learning_folds(scene: Scene) -> Section:
    """Learning curves of every model of the first outer part."""
    return Section("learning", _each(scene, _learning))


def folds(scene: Scene) -> Section:
    """Scores by learning rate and fold."""
    return Section("folds", _each(scene, _folds))


def ensembles(scene: Scene) -> Section:
    """The ensembles and the weights of their members."""
    return Section("ensembles", _each(scene, _ensembles))


def ensemble_results(scene: Scene) -> Section:
    """Curves and confusion matrices of champions and ensembles."""
    return Section("results", _each(scene, _results))


def _each(scene: Scene, build: Callable[[Scene, str, str], tuple[Item, ...]]) -> tuple[Item, ...]:
    """The items of every protocol: what is to be believed first, the others with a suffix after it."""
    protocols = scene.run.protocols[::-1]
    suffixes = {name: "" if place == 0 else f"_{name}" for place, name in enumerate(protocols)}
    return tuple(item for name, suffix in suffixes.items() for item in build(scene, name, suffix))


def _hypotheses(scene: Scene) -> Drawing | None:
    """Forest plot of the differences behind H1 to H4."""
    table = in_words(chosen.answered(scene.run), scene.texts)
    table = table[table["low"].notna()]
    if table.empty:
        return None
    labels = table["hypothesis"].astype(str) + ": " + table["comparison"].astype(str)
    if "outer" in table and len(table[["protocol", "outer"]].drop_duplicates()) > 1:
        places = table["protocol"].map(lambda name: scene.texts.name("protocols_short", name))
        labels += " (" + places + " " + table["outer"].astype(str).replace("0", scene.texts("names.together")) + ")"
    frame = table.assign(group=table["hypothesis"], label=labels)[["group", "label", "difference", "low", "high"]]
    metric = scene.texts.name("metrics", chosen.primary(scene.run))
    label = scene.texts("axes.difference", metric=metric)
    words = scene.texts.group("legend")
    return Drawing(
        "hypotheses",
        lambda: differences(frame, label, words),
        narrow=lambda: differences(frame, label, words, narrow=True),
        values={"metric": metric},
    )


def _members(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """Every member with its interval."""
    metric = chosen.primary(scene.run)
    rows = headline.member_rows(scene.run, scene.names, protocol, chosen.first_outer(scene.run, protocol), metric)
    label = scene.texts.name("metrics", metric)
    title = scene.names.protocol_panel(protocol)
    values = {"metric": label, "unit": chosen.unit_of(scene.run)} | of_part(scene, protocol)
    if not rows:
        return ()
    words, panels = scene.texts.group("legend"), {title: rows}
    wide, narrow = (lambda: comparison(panels, label, {}, words)), (lambda: comparison(panels, label, {}, words, True))
    return (Drawing("members", wide, narrow=narrow, suffix=suffix, values=values),)


def _study_flow(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    if scene.run.composition.empty:
        return ()
    boxes, arrows = flows.study_flow(scene.run, scene.texts, protocol)
    return (Drawing("study_flow", lambda: flow(boxes, arrows), suffix=suffix),)


def _flows(scene: Scene) -> tuple[Item, ...]:
    """How one job is trained, and how members become one call."""
    training = flows.training_flow(scene.run, scene.texts)
    ensemble = flows.ensemble_flow(scene.run, scene.names, scene.texts)
    return (
        Drawing("training_flow", lambda: flow(*training, width=5.6), least_px=400),
        Drawing("ensemble_flow", lambda: flow(*ensemble, width=5.6), least_px=400),
    )


def _learning(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """Learning curves of every job of the first outer part, a row a learning rate."""
    run, texts = scene.run, scene.texts
    jobs = run.jobs
    jobs = jobs[(jobs["protocol"] == protocol) & (jobs["outer"] == chosen.first_outer(run, protocol))]
    jobs = jobs.sort_values(["learning_rate", "fold"], ascending=[False, True])
    panels = {}
    for job in jobs.to_dict("records"):
        table = chosen.steps(run.history[run.history["job"] == job["job"]])
        if len(table):
            panels[scene.names(str(job["job"]))] = [Curve(table)]
    across = max(1, int(jobs["fold"].nunique()))
    return tuple(
        Drawing(
            f"learning_{what}",
            lambda what=what: learning(panels, what, curve_labels(texts, what), across),  # type: ignore[misc]
            suffix=suffix,
            values=of_part(scene, protocol),
            least_px=700,
        )
        for what in ("loss", "accuracy")
        if panels
    )


def _folds(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """Scores by fold, as a figure and as Table 3.2."""
    run, texts = scene.run, scene.texts
    metric = chosen.primary(run)
    table = tables_wen.fold_scores(run, protocol)
    outer = chosen.first_outer(run, protocol)
    best = chosen.champions(run, protocol, outer)
    here = table[table["outer"] == outer]
    frame = pd.DataFrame(
        {
            "rate": [rate_text(float(rate), texts) for rate in here["learning_rate"]],
            "fold": here["fold"].astype(int).to_numpy(),
            "value": here[metric].to_numpy(float),
            "champion": here["job"].isin(best).to_numpy(),
        }
    )
    label = texts.name("metrics", metric)
    values = {"metric": label} | of_part(scene, protocol)
    words = texts.group("legend")
    figure = Drawing(
        "folds", lambda: folds_figure(frame, label, texts("axes.rate"), words), suffix=suffix, values=values
    )
    return (figure, tables_wen.folds_sheet(run, texts, protocol, suffix))


def _ensembles(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """Table 3.3."""
    return kept(tables_wen.ensembles_sheet(scene.run, scene.names, scene.texts, protocol, suffix))


def _results(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """ROC and confusion matrices of champions and ensembles, and the matrices of every model."""
    run, names = scene.run, scene.names
    outer = chosen.first_outer(run, protocol)
    champions = chosen.champions(run, protocol, outer)
    weighted = [one.member for one in chosen.ensembles_of(run, protocol, outer) if one.weighted]
    matrices = {names(member): member for member in [*champions, *weighted]}
    values = of_part(scene, protocol)
    mixed = confusion_item(scene, matrices, values, suffix=suffix, across=4, champions=champions)
    return kept(*_curves(scene, protocol, suffix), mixed, _every_model(scene, protocol, suffix, champions))


def _every_model(scene: Scene, protocol: str, suffix: str, champions: list[str]) -> Drawing | None:
    """Confusion matrices of all models of the first outer part, a row a learning rate."""
    run = scene.run
    jobs = run.jobs[(run.jobs["protocol"] == protocol) & (run.jobs["outer"] == chosen.first_outer(run, protocol))]
    jobs = jobs.sort_values(["learning_rate", "fold"], ascending=[False, True])
    matrices = {scene.names(str(job)): str(job) for job in jobs["job"]}
    across = max(2, int(jobs["fold"].nunique()))
    values: dict[str, Any] = {"count": len(matrices), **of_part(scene, protocol)}
    return confusion_item(
        scene, matrices, values, key="confusion_models", suffix=suffix, across=across, champions=champions
    )


def _curves(scene: Scene, protocol: str, suffix: str) -> tuple[Item, ...]:
    """ROC and precision-recall curves in panels: champions with rivals, and each scenario."""
    run, texts = scene.run, scene.texts
    outer = chosen.first_outer(run, protocol)
    ensembles = [one for one in chosen.ensembles_of(run, protocol, outer) if one.weighted]
    rivals = [one.member for one in run.of_kind("rival", protocol=protocol, outer=outer)]
    groups = {texts("panels.champions"): [*chosen.champions(run, protocol, outer), *rivals]}
    for scenario in ("inter_lr", "intra_lr"):
        mine = [one.member for one in ensembles if one.scenario == scenario]
        groups[texts.name("scenarios", scenario)] = mine
    found = (_curve_drawing(scene, protocol, suffix, kind, groups) for kind in ("roc", "pr"))
    return kept(*found)


def _curve_drawing(scene: Scene, protocol: str, suffix: str, kind: str, groups: dict[str, list[str]]) -> Drawing | None:
    """One kind of curve; none where the run has none."""
    run, texts = scene.run, scene.texts
    metric = "auc" if kind == "roc" else "ap"
    scores = chosen.part_scores(run)
    table = run.curves
    table = table[table["curve"] == kind]
    panels: dict[str, dict[str, pd.DataFrame]] = {}
    for title, members in groups.items():
        for member in members:
            points = table[table["member"] == member]
            if len(points):
                label = f"{scene.names(member)} {texts.number(chosen.value_of(scores, member, metric))}"
                panels.setdefault(title, {})[label] = points
    if not panels:
        return None
    values, said, score = of_part(scene, protocol), _two_classes(scene), texts.name("metrics", metric)
    if kind == "roc":
        axes, chance = (texts("axes.roc_x", **said), texts("axes.roc_y", **said)), texts.name("legend", "chance")
        return Drawing("roc", lambda: curves(panels, axes, score, chance), suffix=suffix, values=values, least_px=720)
    axes = (texts("axes.pr_x", **said), texts("axes.pr_y", **said))
    return Drawing("pr", lambda: curves(panels, axes, score, ""), suffix=suffix, values=values, least_px=720)


def _two_classes(scene: Scene) -> dict[str, str]:
    """The positive class and the other, as people say them."""
    negative, positive = (scene.names.class_name(name) for name in scene.run.class_names[:2])
    return {"negative": negative, "positive": positive}

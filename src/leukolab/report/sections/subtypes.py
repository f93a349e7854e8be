"""Sections of studies that compare readings of a training, in the form of the four-class paper."""

from __future__ import annotations

import pandas as pd

from leukolab.report import chosen
from leukolab.report.figures import flow_boxes as flows
from leukolab.report.figures.data import balance
from leukolab.report.figures.flow import flow
from leukolab.report.figures.headline import paper_line
from leukolab.report.figures.learning import Curve
from leukolab.report.figures.learning import learning as learning_figure
from leukolab.report.figures.scores import SplitLabels, by_split
from leukolab.report.items import Drawing, Item, Section
from leukolab.report.sections.common import (
    Scene,
    curve_labels,
    kept,
    of_first_splits,
    samples_item,
)
from leukolab.report.sections.confusion import confusion_item
from leukolab.report.tables import subtypes as tables_subtypes


def beside_colour(scene: Scene) -> Section:
    """Every split of every reading beside what simple rivals reach on it."""
    return Section(
        "beside_colour", kept(_splits(scene), tables_subtypes.splits_sheet(scene.run, scene.names, scene.texts))
    )


def data_flow(scene: Scene) -> Section:
    """How the images are balanced and cut, with samples."""
    return Section("data", kept(_data_flow(scene), samples_item(scene), _balance(scene)))


def learning(scene: Scene) -> Section:
    """Loss and accuracy by epoch and by part."""
    return Section("learning", (*_learning(scene), *_history(scene)))


def results(scene: Scene) -> Section:
    """Confusion matrices and the report by class."""
    report = tables_subtypes.class_report_sheet(scene.run, scene.names, scene.texts, of_first_splits(scene))
    return Section("results", kept(_confusion(scene), report))


def _data_flow(scene: Scene) -> Drawing | None:
    if scene.run.composition.empty:
        return None
    boxes, arrows = flows.data_flow(scene.run, scene.texts)
    return Drawing("data_flow", lambda: flow(boxes, arrows, width=7.4), least_px=620)


def _balance(scene: Scene) -> Drawing | None:
    """Classes as found and as trained on, one panel a protocol."""
    run, texts = scene.run, scene.texts
    if run.composition.empty:
        return None
    panels = {texts.name("protocols", name): _before_after(scene, name) for name in run.protocols}
    words = (texts("axes.before"), texts("axes.after"), texts("axes.images"))
    said = " ".join(
        texts(f"balanced.{run.spec.protocols[name].balance.when}", protocol=texts.name("protocols", name))
        for name in run.protocols
    )
    return Drawing("balance", lambda: balance(panels, *words), values={"said": said})


def _before_after(scene: Scene, protocol: str) -> pd.DataFrame:
    """Images a class before and after: of all parts where balance comes first, of the training part else."""
    run = scene.run
    table = run.composition
    rows = table[(table["protocol"] == protocol) & (table["outer"] == chosen.first_outer(run, protocol))]
    rows = rows[rows["fold"] == rows["fold"].min()]
    found = run.index["class_name"].value_counts()
    if run.spec.protocols[protocol].balance.when != "before_split":
        rows = rows[rows["role"] == "train"]
        found = rows.groupby("class_name")["images"].sum()
    after = rows.groupby("class_name")["copies"].sum()
    table = pd.DataFrame({"before": found, "after": after}).reindex(run.class_names).fillna(0)
    return table.rename(index=scene.names.class_name)


def _learning(scene: Scene) -> tuple[Drawing, ...]:
    """Loss and accuracy by epoch, one panel a protocol and reading, every split faint behind the first."""
    run, names, texts = scene.run, scene.names, scene.texts
    if run.history.empty:
        return ()
    panels = {}
    for job in chosen.first_jobs(run).to_dict("records"):
        same = run.jobs[(run.jobs["protocol"] == job["protocol"]) & (run.jobs["reading"] == job["reading"])]
        histories = {name: chosen.steps(run.history[run.history["job"] == name]) for name in same["job"]}
        curves = [Curve(table, name == job["job"]) for name, table in histories.items() if len(table)]
        panels[names.panel(str(job["reading"]), str(job["protocol"]))] = curves
    across = min(3, max(1, run.jobs["reading"].nunique()))
    return tuple(
        Drawing(f"learning_{what}", lambda what=what: learning_figure(panels, what, curve_labels(texts, what), across))  # type: ignore[misc]
        for what in ("loss", "accuracy")
    )


def _history(scene: Scene) -> tuple[Item, ...]:
    """Tabel 2, where training would have stopped, and Tabel 3."""
    run, names, texts = scene.run, scene.names, scene.texts
    history = tables_subtypes.history_sheet(run, names, texts) if len(run.history) else None
    stops = tables_subtypes.stopping_sheet(run, names, texts) if len(run.history) else None
    return kept(history, stops, tables_subtypes.parts_sheet(run, names, texts))


def _confusion(scene: Scene) -> Drawing | None:
    """The matrix of each protocol and reading on its first split."""
    members = {
        scene.names.panel(str(job["reading"]), str(job["protocol"])): str(job["job"])
        for job in chosen.first_jobs(scene.run).to_dict("records")
    }
    return confusion_item(scene, members, of_first_splits(scene))


def _splits(scene: Scene) -> Drawing:
    """Every split or block of every reading beside colour alone."""
    run, names, texts = scene.run, scene.names, scene.texts
    metric = chosen.primary(run)
    frames = {name: tables_subtypes.splits_frame(run, name, metric) for name in run.protocols}
    labels = {one: one.label(names) for one in tables_subtypes.methods(run)}
    panels = {names.protocol_panel(name): frame.rename(columns=labels) for name, frame in frames.items()}
    rivals = [name for one, name in labels.items() if one.rival]
    for table in panels.values():
        table.attrs["rivals"] = [name for name in rivals if name in table.columns]
    label = texts.name("metrics", metric)
    words = SplitLabels(texts("axes.split"), label)
    paper = paper_line(run, texts, run.protocols[0])
    return Drawing(
        "splits",
        lambda: by_split(panels, words, paper),
        narrow=lambda: by_split(panels, words, paper, narrow=True),
        values={"metric": label, "unit": chosen.unit_of(run)},
    )

"""Sections of every report: the data, what was used, all scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from leukolab.report import chosen
from leukolab.report.figures.data import classes, histograms, subjects
from leukolab.report.figures.headline import pooled_rows
from leukolab.report.figures.learning import CurveLabels
from leukolab.report.figures.pictures import Thumbnail, brightness, sample_gallery, wrong_gallery
from leukolab.report.figures.scores import comparison
from leukolab.report.figures.subjects import by_subject
from leukolab.report.items import Drawing, Gallery, Item, Section
from leukolab.report.names import Names
from leukolab.report.run import Run
from leukolab.report.tables import common as tables
from leukolab.report.tables.subjects import subjects_sheet
from leukolab.report.texts import Texts


@dataclass(frozen=True)
class Scene:
    """What every section is made from."""

    run: Run
    names: Names
    texts: Texts
    thumbnail: Thumbnail


def kept(*items: Item | None) -> tuple[Item, ...]:
    """The items there are."""
    return tuple(item for item in items if item is not None)


def of_part(scene: Scene, protocol: str) -> dict[str, str]:
    """For the caption of what shows the first outer part alone: its number, where there are several."""
    outers = scene.run.jobs.loc[scene.run.jobs["protocol"] == protocol, "outer"]
    if outers.nunique() < 2:
        return {}
    return {"of_part": scene.texts("names.of_part", outer=chosen.first_outer(scene.run, protocol))}


def of_first_splits(scene: Scene) -> dict[str, str]:
    """The same for what shows the first split of each protocol and reading."""
    jobs = scene.run.jobs
    several = jobs.groupby(["protocol", "reading"])["outer"].nunique().max() > 1
    return {"of_part": scene.texts("names.of_first_splits")} if several else {}


def explore_items(scene: Scene) -> tuple[Item, ...]:
    """Exploratory analysis: classes, sizes, brightness, images of each subject."""
    run, texts = scene.run, scene.texts
    counts = run.index["class_name"].value_counts().reindex(run.class_names).dropna().astype(int)
    counts = counts.rename(index=scene.names.class_name)
    return kept(
        Drawing("explore_classes", lambda: classes(counts, texts("axes.images"))),
        _sizes(scene),
        Drawing(
            "explore_brightness",
            lambda: histograms(_brightness(scene), texts("axes.brightness"), texts("axes.share")),
        ),
        _subjects(scene),
    )


def _brightness(scene: Scene) -> dict[str, Any]:
    """Mean grey values of some images of each class."""
    return {scene.names.class_name(name): found for name, found in brightness(scene.run, scene.thumbnail).items()}


def _sizes(scene: Scene) -> Drawing:
    """Edges of the images as found."""
    index = scene.run.index
    edge = np.sqrt(index["width"].to_numpy(float) * index["height"].to_numpy(float))
    values = {
        scene.names.class_name(name): edge[(index["class_name"] == name).to_numpy()] for name in scene.run.class_names
    }
    texts = scene.texts
    return Drawing("explore_sizes", lambda: histograms(values, texts("axes.edge"), texts("axes.share")))


def _subjects(scene: Scene) -> Drawing | None:
    """Images of each subject; none where subjects are unknown."""
    index = scene.run.index
    if index["subject"].isna().all():
        return None
    table = index.groupby(["subject", "class_name"]).size().rename("images").reset_index()
    table = table.assign(class_name=table["class_name"].map(scene.names.class_name))
    texts = scene.texts
    largest = int(table.groupby("subject")["images"].sum().max())
    return Drawing(
        "explore_subjects",
        lambda: subjects(table, texts("axes.images"), texts("axes.subjects")),
        values={"largest": largest, "count": int(table["images"].sum())},
    )


def pooled_section(scene: Scene) -> Section:
    """All outer parts together: a figure a protocol, and the table; empty where nothing was pooled."""
    run, names, texts = scene.run, scene.names, scene.texts
    metric = chosen.primary(run)
    label = texts.name("metrics", metric)
    protocols = [name for name in run.protocols[::-1] if run.of_kind("pooled", protocol=name)]
    drawings, words = [], texts.group("legend")
    for place, protocol in enumerate(protocols):
        rows = pooled_rows(run, names, protocol, metric)
        panels = {names.protocol_panel(protocol): rows}
        drawings.append(
            Drawing(
                "pooled",
                lambda panels=panels: comparison(panels, label, {}, words),  # type: ignore[misc]
                narrow=lambda panels=panels: comparison(panels, label, {}, words, narrow=True),  # type: ignore[misc]
                suffix="" if place == 0 else f"_{protocol}",
                values=_pooled_values(scene, protocol) | {"metric": label, "unit": chosen.unit_of(run)},
            )
        )
    return Section("pooled", kept(*drawings, tables.pooled_sheet(run, names, texts)))


def _pooled_values(scene: Scene, protocol: str) -> dict[str, object]:
    """Words of the caption: how many parts, what the star is where there is one, over what intervals are drawn."""
    run, texts = scene.run, scene.texts
    mine = run.of_kind("pooled", protocol=protocol)
    on_test = run.spec.protocols[protocol].champion_on == "test"
    star = texts("names.star_test") if on_test else texts("names.star")
    return {
        "count": max(chosen.parts_of(run, one) for one in mine),
        "star": star if any(one.pools == "chosen" for one in mine) else "",
        "drawn": texts("names.over_groups") if run.card.subjects_known else texts("names.over_parts"),
    }


def samples_item(scene: Scene) -> Gallery:
    """Samples of each class."""
    return sample_gallery(scene.run, scene.thumbnail, scene.names)


def wrong_section(scene: Scene) -> Section:
    """The gallery of wrongly called cells."""
    return Section("wrong", kept(wrong_gallery(scene.run, scene.thumbnail, scene.names)))


def subjects_section(scene: Scene) -> Section:
    """Every tested subject as it was called; empty where subjects are unknown."""
    run, names, texts = scene.run, scene.names, scene.texts
    sheet = subjects_sheet(run, names, texts)
    if sheet is None:
        return Section("subjects", ())
    table = sheet.frame.assign(class_name=sheet.page_frame["class_name"])
    words = texts.name("columns", "accuracy"), texts("axes.subjects_ranked")
    figure = Drawing(
        "by_subject",
        lambda: by_subject(table, *words),
        narrow=lambda: by_subject(table, *words, narrow=True),
        values={"member": names(str(run.subjects["member"].iloc[0]))},
    )
    return Section("subjects", (figure, sheet))


def used_section(scene: Scene) -> Section:
    """What was used and what leaks."""
    return Section(
        "used",
        kept(
            tables.used_sheet(scene.run, scene.texts),
            tables.composition_sheet(scene.run, scene.names, scene.texts) if len(scene.run.composition) else None,
        ),
    )


def data_section(scene: Scene) -> Section:
    """What went in: parts and classes, samples, sizes, brightness, subjects."""
    parts = tables.data_parts_sheet(scene.run, scene.names, scene.texts)
    return Section("data", kept(parts, samples_item(scene), *explore_items(scene)))


def scores_section(scene: Scene) -> Section:
    """Every score by image and by subject, the intervals of the primary metric, and what others report."""
    return Section("scores", kept(*scores_items(scene), tables.honest_sheet(scene.run, scene.texts)))


def scores_items(scene: Scene) -> tuple[Item, ...]:
    """Every score by image and by subject, and the intervals of the primary metric."""
    units = [unit for unit in ("image", "subject") if (scene.run.scores["unit"] == unit).any()]
    sheets = [tables.scores_sheet(scene.run, scene.names, scene.texts, unit) for unit in units]
    return (*sheets, tables.intervals_sheet(scene.run, scene.names, scene.texts))


def curve_labels(texts: Texts, value: str) -> CurveLabels:
    """Words on a figure of learning."""
    return CurveLabels(
        texts.name("roles", "train"),
        texts.name("roles", "validation"),
        texts("axes.epoch"),
        texts.name("columns", value),
        texts("axes.boundary"),
        texts.name("legend", "faint"),
    )

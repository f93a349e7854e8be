"""Confusion matrices as items of a page: the figure, and its numbers as a file."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from leukolab.report.figures.confusion import ConfusionWords, confusions
from leukolab.report.items import Drawing
from leukolab.report.sections.common import Scene

CHAMPION, OFFERED = "\u2605", "\u25c6"
"""Marks of members in titles: a champion's star, and the diamond of what is offered for use."""


def confusion_item(
    scene: Scene,
    members: dict[str, str],
    values: dict[str, Any],
    key: str = "confusion",
    suffix: str = "",
    across: int = 3,
    champions: Collection[str] = (),
) -> Drawing | None:
    """Confusion matrices of members on the test part; none where the run has none.

    Args:
        scene: what is drawn.
        members: title to member.
        values: of the caption.
        key: of the item.
        suffix: what is added to its file's name.
        across: matrices in a row.
        champions: members that are marked so.
    """
    frame = _frame(scene, members, champions)
    if frame.empty:
        return None
    names, said = scene.run.class_names, scene.names.class_name
    panels = {}
    for title, rows in frame.groupby("title", sort=False):
        square = rows.pivot(index="actual", columns="called", values="images").loc[names, names]
        panels[_marked(str(title), rows.iloc[0])] = square.rename(index=said, columns=said)
    words = _words(scene)
    return Drawing(key, lambda: confusions(panels, words, across), suffix=suffix, values=values, frame=frame)


def _frame(scene: Scene, members: dict[str, str], champions: Collection[str]) -> pd.DataFrame:
    """title, member, champion, offered, actual, called, images, share (of the actual class): a row per cell."""
    table = scene.run.confusion
    table = table[table["role"] == "test"]
    parts = [table[table["member"] == member].assign(title=title) for title, member in members.items()]
    frame = pd.concat(parts, ignore_index=True) if parts else table.assign(title="")[:0]
    total = frame.groupby(["title", "actual"])["images"].transform("sum")
    frame = frame.assign(
        share=frame["images"] / total.clip(lower=1),
        champion=frame["member"].isin(list(champions)),
        offered=frame["member"] == scene.run.chosen.member,
    )
    return frame[["title", "member", "champion", "offered", "actual", "called", "images", "share"]]


def _marked(title: str, row: pd.Series) -> str:
    marks = (CHAMPION if row["champion"] else "") + (OFFERED if row["offered"] else "")
    return f"{marks} {title}".strip()


def _words(scene: Scene) -> ConfusionWords:
    texts = scene.texts
    return ConfusionWords(
        actual=texts("axes.actual"),
        called=texts("axes.called"),
        right=texts("confusions.right"),
        wrong=texts("confusions.wrong"),
        share=lambda share: texts("confusions.share", value=100 * share),
        marks={CHAMPION: texts("confusions.champion"), OFFERED: texts("confusions.offered")},
    )

"""What was read of a folder, before any image is opened, line by line: classes, subjects, parts."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from leukolab.base.findings import Finding
from leukolab.cards.card import HIDDEN
from leukolab.cards.classes import Classes

NAMED = 3
"""Images named of those without a subject."""


def summary(index: pd.DataFrame, classes: Classes) -> Iterator[Finding]:
    """What a person should see before anything is spent.

    Args:
        index: see `index.make_index`.
        classes: of these images.
    """
    yield Finding("data.images", "info", {"count": len(index)})
    yield from _classes(index, classes)
    yield from _subjects(index)
    parts = index["part"].value_counts(sort=False)
    if parts.size > 1:
        for name, count in parts.items():
            yield Finding("data.part", "info", {"name": str(name), "count": int(count)})


def decided(classes: Classes) -> Finding:
    """Which classes are the disease, and who says so."""
    if not classes.positive:
        return Finding("data.undecided", "warning")
    return Finding("data.decided", "info", {"positive": list(classes.positive), "by": classes.decided_by})


def _classes(index: pd.DataFrame, classes: Classes) -> Iterator[Finding]:
    counts = index["class_name"].value_counts()
    for name in classes.names:
        code = "disease" if name in classes.positive else "class"
        yield Finding(f"data.{code}", "info", {"name": name, "count": int(counts.get(name, 0))})
    if hidden := int(counts.get(HIDDEN, 0)):
        yield Finding("data.hidden", "info", {"count": hidden})
    yield decided(classes)


def _subjects(index: pd.DataFrame) -> Iterator[Finding]:
    """How many there are, how many images each has, and where they are not known."""
    subjects = index["subject"]
    sizes = subjects.value_counts()
    if sizes.empty:
        yield Finding("data.no_subjects", "warning")
        yield from _inner_folders(index)
        return
    low, middle, high = int(sizes.min()), float(sizes.median()), int(sizes.max())
    if low == high:
        yield Finding("data.subjects_even", "info", {"count": len(sizes), "each": low})
    else:
        yield Finding("data.subjects", "info", {"count": len(sizes), "low": low, "median": middle, "high": high})
    blank = [str(name) for name in index.loc[subjects.isna(), "image_id"]]
    if blank:
        yield Finding("data.blank_subjects", "warning", {"count": len(blank), "examples": blank[:NAMED]})


def _inner_folders(index: pd.DataFrame) -> Iterator[Finding]:
    """The folders inside the classes, which may be subjects, where every image lies in one."""
    above = [str(name).split("/")[:-1] for name in index["image_id"]]
    named = [name in folders and folders.index(name) for name, folders in zip(index["class_name"], above, strict=True)]
    places = set(named)
    place = places.pop()
    if places or place is False or any(len(folders) <= place + 1 for folders in above):
        return
    inner = sorted({"/".join(folders[: place + 2]) for folders in above})
    if len(inner) > index["class_name"].nunique():
        pattern = "^" + "[^/]+/" * (place + 1) + "([^/]+)/"
        values = {"count": len(inner), "examples": inner[:NAMED], "pattern": pattern}
        yield Finding("data.inner_folders", "warning", values)

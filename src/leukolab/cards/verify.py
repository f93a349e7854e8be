"""What should be there against what is: counts, official bytes, numbers, readability. Nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from leukolab.base.errors import ImageError
from leukolab.cards.datasets import all_subtypes, cnmc2019
from leukolab.cards.prove import prove_cnmc2019
from leukolab.cards.registry import data_set, locate
from leukolab.cards.verdict import VerifyResult, count_classes
from leukolab.images import decode, in_order


def verify(name: str, root: Path) -> VerifyResult:
    """Compare the data set at `root`, found from there as `locate` does, with what its card knows.

    Raises:
        DataError: the data set is not there, or cannot be listed at all.
    """
    root = locate(name, root)
    if name == cnmc2019.CARD.name:
        return prove_cnmc2019(root)
    if name == all_subtypes.CARD.name:
        return _verify_all_subtypes(root)
    index = data_set(name).read_index(root)
    unreadable = _unreadable([Path(path) for path in index["path"]])
    counts = count_classes({}, index[["part", "class_name"]].itertuples(index=False, name=None))
    return VerifyResult(name, root, counts, unreadable=unreadable, read=len(index) - len(unreadable))


def _unreadable(paths: list[Path]) -> tuple[str, ...]:
    return tuple(sentence for sentence in in_order(_reading_error, paths, "Reading images") if sentence)


def _reading_error(path: Path) -> str:
    try:
        decode(path)
    except ImageError as error:
        return str(error)
    return ""


def _verify_all_subtypes(root: Path) -> VerifyResult:
    card = all_subtypes.CARD
    folders = all_subtypes.part_folders(root)
    index = pd.concat([all_subtypes.read_index(root, (part,)) for part in sorted(folders)], ignore_index=True)
    missing: list[str] = []
    extra: list[str] = []
    for part, classes in card.counts.items():
        for name, number in classes.items() if part in folders else ():
            rows = index[(index["part"] == part) & (index["class_name"] == name)]
            there = set(rows["order"])
            missing += [f"{name} {absent:03d}" for absent in range(1, number + 1) if absent not in there]
            extra += list(rows.loc[~rows["order"].between(1, number), "image_id"])
    unreadable = _unreadable([Path(path) for path in index["path"]])
    counts = count_classes(card.counts, index[["part", "class_name"]].itertuples(index=False, name=None))
    return VerifyResult(
        card.name, root, counts, tuple(missing), tuple(extra), unreadable=unreadable, read=len(index) - len(unreadable)
    )

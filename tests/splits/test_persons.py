"""Persons known beforehand, and folds that share out subjects before images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukolab.splits import identity_groups
from leukolab.splits.cohort import make_cohort
from leukolab.splits.cuts import Cutter


def _index(sizes: list[int], labels: list[int]) -> pd.DataFrame:
    rows = [
        {
            "image_id": f"s{number:02}_{image:03}.png",
            "label": label,
            "class_name": "ab"[label],
            "subject": f"s{number:02}",
        }
        for number, (size, label) in enumerate(zip(sizes, labels, strict=True))
        for image in range(size)
    ]
    return pd.DataFrame(rows).assign(pixel_digest=lambda table: table["image_id"])


def test_subjects_known_to_be_one_person_are_one_group_without_a_twin_at_hand():
    index = _index([2, 2, 2], [0, 0, 1])
    groups = identity_groups(index, same_person=[("s00", "s01"), ("s07", "s08")])
    assert groups["group"].unique().tolist() == ["s00+s01", "s02"]
    assert identity_groups(index)["group"].nunique() == 3


def test_no_part_is_left_with_few_subjects_of_a_class():
    sizes = [140, 140, 140, 130, 120, 80, 60, 50, 40, 20, 10, 8, 6, 5, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1]
    index = _index([*sizes, *[75] * 20], [*[0] * 25, *[1] * 20])
    cohort = make_cohort(index, identity_groups(index))
    parts = Cutter(cohort, "group", 5, "tested").folds(np.arange(len(index)), 5, "outer")
    for part in parts:
        subjects = index.iloc[part].groupby("label")["subject"].nunique()
        assert subjects[0] == 5
        assert subjects[1] == 4
    shares = [len(part) / len(index) for part in parts]
    assert max(shares) < 0.3
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(index)))

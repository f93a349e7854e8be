"""Parts that are even in groups and in images, and a tuning part with enough groups to choose by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukolab.cards import get_card, read_index
from leukolab.spec import ProtocolSpec, load_study
from leukolab.splits import Split, identity_groups, make_split
from leukolab.splits.even import even_parts

FULL = {
    0: (441, 404, 385, 373, 327, 185, 167, 162, 162, 140, 137, 119, 108, 100, 84, 77, 69, 54, 50, 47, 47, 46, 38, 35,
        32, 31, 30, 29, 29, 25, 20, 20, 19, 18, 13, 9, 5),
    1: (1121, 402, 352, 278, 268, 267, 262, 253, 250, 246, 212, 201, 201, 197, 197, 190, 181, 178, 178, 164, 161, 156,
        155, 146, 145, 142, 139, 113, 112, 111, 111, 103, 99, 97, 96, 92, 92, 89, 84, 83, 74, 74, 73, 69, 58, 53, 35,
        31, 19, 18, 14, 12, 11, 10, 9, 7),
}  # fmt: skip
"""Images of 37 normal and 56 leukaemic groups, as many as the whole of C-NMC may have."""


def cohort(sizes: dict[int, tuple[int, ...]]) -> pd.DataFrame:
    rows = [
        (f"{label}-{number:02}-{image:04}.png", label, f"c{label}", f"{label}-{number:02}")
        for label, of_class in sizes.items()
        for number, size in enumerate(of_class)
        for image in range(size)
    ]
    table = pd.DataFrame(rows, columns=["image_id", "label", "class_name", "subject"])
    return table.assign(pixel_digest=table["image_id"])


def groups_and_images(split: Split, index: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """By outer part, role and class: groups, images, and the share of the largest group."""
    table = split.table[split.table["fold"] == 1].merge(index, on="image_id").merge(groups, on="image_id")
    each = table.groupby(["outer", "role", "label", "group"]).size().groupby(["outer", "role", "label"])
    return pd.DataFrame({"groups": each.size(), "images": each.sum(), "largest": each.max() / each.sum()})


def protocol(**given: object) -> ProtocolSpec:
    return ProtocolSpec.model_validate({"stance": "corrected", "split": given})


@pytest.mark.parametrize("seed", range(6))
def test_no_group_has_more_than_a_third_of_a_part_where_that_can_be_avoided(seed: int) -> None:
    sizes = np.array([*[90] * 5, *[55] * 10, *[5] * 10])
    part = even_parts(sizes, 5, np.random.default_rng(seed))
    counts, totals = np.bincount(part), np.bincount(part, sizes)
    largest = np.array([sizes[part == number].max() for number in range(5)])
    assert counts.tolist() == [5] * 5
    assert (largest / totals > 1 / 3).sum() == 3  # dealt one to each part, they would hold 0.43 of all five
    assert (np.abs(totals / 210 - 1) < 0.25).all()
    assert largest[0] / totals[0] <= 1 / 3


def test_equal_groups_are_dealt_without_search() -> None:
    part = even_parts(np.ones(3000, dtype=np.int64), 5, np.random.default_rng(1))
    assert np.bincount(part).tolist() == [600] * 5


@pytest.mark.parametrize("seed", [2019, 1, 2])
def test_parts_of_the_whole_cohort_are_even_and_the_first_one_is_the_most_even(seed: int) -> None:
    index = cohort(FULL)
    groups = identity_groups(index)
    split = make_split(index, groups, "corrected", load_study("wen").protocols["corrected"], seed)
    parts = groups_and_images(split, index, groups)
    for label, of_class in FULL.items():
        test = parts.xs("test", level="role").xs(label, level="label")
        assert test["groups"].max() - test["groups"].min() <= 1
        assert (test["images"] / sum(of_class) * 5).between(0.9, 1.1).all()
        assert (test["largest"] > 1 / 3).sum() <= (3 if label == 0 else 1)
        assert test["largest"][1] <= 1 / 3
        tuning = parts.xs("tuning", level="role").xs(label, level="label")
        rest = len(of_class) - test["groups"]
        assert (tuning["groups"] == (rest / 5).round()).all()
        assert tuning["groups"].min() >= 5
    images = parts.xs("tuning", level="role")["images"].groupby("outer").sum()
    table = split.table[(split.table["fold"] == 1) & (split.table["role"] == "tuning")].merge(groups, on="image_id")
    assert (table.groupby(["outer", "group"]).size().groupby("outer").max() <= images / 3).all()
    assert not split.head.few_tuning_outer
    assert not [one for one in split.head.findings if one.code in ("split.few_tuning_groups", "split.large_groups")]


def test_another_seed_gives_other_parts() -> None:
    sizes = np.array(FULL[0])
    first = {frozenset(np.flatnonzero(even_parts(sizes, 5, np.random.default_rng(seed)) == 0)) for seed in range(10)}
    assert len(first) == 10


@pytest.mark.parametrize(
    ("groups", "share", "tuning"),
    [(40, 0.2, 6), (26, 0.2, 5), (19, 0.2, 5), (18, 0.2, 5), (17, 0.2, 3), (12, 0.2, 2), (40, 0.5, 16)],
)
def test_tuning_has_a_share_of_the_groups_and_five_where_ten_are_left(groups: int, share: float, tuning: int) -> None:
    index = cohort(dict.fromkeys((0, 1), (4,) * groups))
    given = {"kind": "nested", "by": "group", "outer": 5, "folds": 2, "tuning": share}
    split = make_split(index, identity_groups(index), "tested", protocol(**given), 1)
    parts = groups_and_images(split, index, identity_groups(index))
    found = parts.xs("tuning", level="role")["groups"]
    left = parts.xs("train", level="role")["groups"] + parts.xs("validation", level="role")["groups"]
    assert tuning in set(found)
    assert ((found >= 5) | (found + left < 15)).all()
    assert (split.head.few_tuning_outer == ()) == bool(found.min() >= 5)


def test_the_real_cells_tune_on_five_groups_of_each_class(real_data: Path) -> None:
    if not (real_data / "C-NMC_Leukemia").is_dir():
        pytest.skip("LEUKOLAB_DATA holds no C-NMC_Leukemia")
    spec = load_study("wen")
    index = read_index(spec.data, real_data / "C-NMC_Leukemia")
    index = index[index["label"] >= 0].reset_index(drop=True)
    groups = identity_groups(index, get_card("cnmc2019").same_person)
    split = make_split(index, groups, "corrected", spec.protocols["corrected"], spec.seed)
    parts = groups_and_images(split, index, groups)
    test = parts.xs("test", level="role")
    for label, found in test.groupby("label"):
        assert found["groups"].max() - found["groups"].min() <= 1
        equal = found["images"].sum() / 5
        assert (found["images"] / equal).between(0.85, 1.15).all(), label
    assert (test.xs(1, level="label")["largest"] > 1 / 3).sum() <= 2
    assert parts.xs("tuning", level="role")["groups"].min() >= 5
    assert not split.head.few_tuning_outer

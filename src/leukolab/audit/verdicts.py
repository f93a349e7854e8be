"""What a person said of pairs of images, and which pairs are the most doubtful."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from leukolab.base.errors import DataError, nearest
from leukolab.cards.tables import read_table
from leukolab.splits import DIFFERENT, DOUBTFUL, EQUAL_KINDS, TWO_CLASSES

PAIR = ["image_id", "other_id"]
SAME = "same"
SAID = "said"
"""Kind of a pair that no search found, and a person named."""


def read_verdicts(path: Path, image_ids: Collection[str]) -> pd.DataFrame:
    """A person's list as image_id, other_id, verdict: the smaller name first, each pair once.

    Args:
        path: a CSV (`,`, `;` or tab) with these columns; rows without a verdict are left out.
        image_ids: those there are.

    Raises:
        DataError: the file is missing or no such table, names other images, or says two things of one pair.
    """
    table = _read(path)
    table = table[table["verdict"] != ""]
    wrong = table.loc[~table["verdict"].isin((SAME, DIFFERENT)), "verdict"]
    if len(wrong):
        raise DataError(
            f"{path}: row {wrong.index[0]}: verdict: expected '{SAME}' or '{DIFFERENT}', got '{wrong.iloc[0]}'."
        )
    known = set(image_ids)
    for name in PAIR:
        strange = table.loc[~table[name].isin(known), name]
        if len(strange):
            raise DataError(
                f"{path}: row {strange.index[0]}: {name}: expected an image of this data set, got "
                f"'{strange.iloc[0]}'. {nearest(str(strange.iloc[0]), sorted(known)[:5000])}"
            )
    table = ordered(table).drop_duplicates()
    twice = table[table.duplicated(PAIR)]
    if len(twice):
        raise DataError(
            f"{path}: expected one verdict on each pair, found two on '{twice['image_id'].iloc[0]}' with "
            f"'{twice['other_id'].iloc[0]}'. Keep one of the two rows."
        )
    return table.reset_index(drop=True)


def ordered(pairs: pd.DataFrame) -> pd.DataFrame:
    """The same pairs with the smaller name as image_id."""
    first, second = pairs["image_id"].astype(str), pairs["other_id"].astype(str)
    turned = first > second
    return pairs.assign(image_id=first.where(~turned, second), other_id=second.where(~turned, first))


def judged(pairs: pd.DataFrame, index: pd.DataFrame, verdicts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Pairs with the column `verdict`: a person's; else `two_classes` where labels contradict a likeness, `doubtful`
    where the search is not sure, or empty. What is neither sure nor of one class is left out.

    Args:
        pairs: image_id, other_id, kind, score, doubt, sure, as a search gives them.
        index: image_id, class_name, and class_name_full where the classes are a view of others.
        verdicts: from `read_verdicts`; pairs that no search found are added, of the kind `said`.
    """
    pairs = ordered(pairs)
    named = index.set_index("image_id")["class_name_full" if "class_name_full" in index else "class_name"]
    one, other = (named.reindex(pairs[name]).to_numpy() for name in PAIR)
    contradicts = (one != other) & ~pairs["kind"].isin(EQUAL_KINDS).to_numpy()
    sure = pairs["sure"].to_numpy(bool)
    pairs = pairs.assign(verdict=np.where(contradicts, TWO_CLASSES, np.where(sure, "", DOUBTFUL)))
    pairs = pairs[sure | ~contradicts].reset_index(drop=True)
    if verdicts is None or not len(verdicts):
        return pairs
    both = pairs.merge(verdicts, on=PAIR, how="outer", suffixes=("", "_said"), validate="many_to_one")
    verdict = both["verdict_said"].fillna(both["verdict"])
    both = both.assign(kind=both["kind"].fillna(SAID), verdict=verdict).drop(columns="verdict_said")
    return both.reset_index(drop=True)


def by_doubt(pairs: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Pairs with the most doubtful first: contradicting labels, then what chance might explain, equal pixels last.

    A pair inside one subject changes no group, so these come after all others. Doubtful pairs, which merge nothing,
    stand at the end, the most alike first.

    Args:
        pairs: from `judged`.
        index: image_id, class_name, subject.

    Returns:
        The same rows with class_name, other_class, subject and other_subject.
    """
    facts = index.set_index("image_id")
    shown = pairs.assign(
        class_name=facts["class_name"].reindex(pairs["image_id"]).to_numpy(),
        other_class=facts["class_name"].reindex(pairs["other_id"]).to_numpy(),
        subject=facts["subject"].reindex(pairs["image_id"]).to_numpy(),
        other_subject=facts["subject"].reindex(pairs["other_id"]).to_numpy(),
    )
    unsure = shown["verdict"] == DOUBTFUL
    ranks = shown.assign(
        unsure=unsure.astype(int),
        within=(shown["subject"].notna() & (shown["subject"] == shown["other_subject"])).astype(int),
        agrees=(shown["class_name"] == shown["other_class"]).astype(int),
        doubt=shown["doubt"].fillna(0.0) * np.where(unsure, 1, -1),
        score=shown["score"].fillna(1.0) * np.where(unsure, -1, 1),
    )
    order = ranks.sort_values(["unsure", "agrees", "within", "doubt", "score", *PAIR], kind="stable").index
    return shown.loc[order].reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    """The three columns, indexed by the line of the file."""
    if not path.exists():
        raise DataError(
            f"{path}: expected a list of pairs here, found none. Check data.accept.", settings=("data.accept",)
        )
    table, wanted = read_table(path), (*PAIR, "verdict")
    if table.lacks(wanted):
        found = ", ".join(table.columns) or "none"
        raise DataError(f"{path}: expected the columns image_id, other_id and verdict, found {found}.")
    rows = [[values[name] for name in wanted] for _, values in table.lines]
    frame = pd.DataFrame(rows, columns=list(wanted), index=[line for line, _ in table.lines], dtype=object)
    return frame.assign(verdict=frame["verdict"].str.lower())

"""Runs, or files of predictions, against each other: differences by subject on the test images that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.results.folder import RunFolder
from leukolab.results.paired import barred
from leukolab.results.pooling import joined, joined_ids
from leukolab.results.predictions import read_results
from leukolab.results.seals import check_outcome
from leukolab.stats import Answer, answer_together, subject_recalls


@dataclass(frozen=True)
class Contender:
    """What one run offers, or one file says, about its test images."""

    name: str
    class_names: tuple[str, ...]
    predictions: pd.DataFrame = field(repr=False)
    """By image_id: label, p_0 ... p_{k-1}, group (nothing where subjects are unknown), perhaps pixel_digest."""
    barred: Finding | None = None
    """Why differences of these predictions are not tested."""


@dataclass(frozen=True)
class Comparison:
    """Contenders on the images they share."""

    values: Mapping[str, float]
    """Balanced accuracy of each by subject; by image where subjects are unknown."""
    pairs: tuple[tuple[str, str, Answer], ...]
    """First, second, and their difference; Holm's correction runs over all pairs."""
    findings: tuple[Finding, ...]
    """What was compared on, and what holds for every pair."""
    subjects_known: bool


def contender_of(folder: RunFolder, name: str) -> Contender:
    """What a finished run offers: its pooled choice over outer parts where there is one, else the member chosen.

    Raises:
        RunError: the folder is not that of a finished run, or a file was changed since.
    """
    check_outcome(folder)
    results, members, chosen = read_results(folder), folder.member_list(), folder.chosen
    sources = members[chosen.pooled.member].sources if chosen.pooled else (chosen.member,)
    series = tuple(members[source] for source in sources)
    scored, image_ids = joined(results, series), joined_ids(results, series)
    groups = [results.groups[one] if results.subjects_known else None for one in image_ids]
    table = pd.DataFrame({"label": scored.labels_n, "group": groups}, index=pd.Index(image_ids, name="image_id"))
    for k in range(scored.probs_nk.shape[1]):
        table[f"p_{k}"] = scored.probs_nk[:, k]
    index = folder.index.set_index("image_id")
    if "pixel_digest" in index:
        table["pixel_digest"] = index["pixel_digest"].reindex(table.index)
    return Contender(name, results.class_names, table, barred(results, series[0].protocol))


def compare(contenders: Sequence[Contender], seed: int = 0) -> Comparison:
    """Every pair of two or more contenders, on the images that all of them tested.

    Args:
        seed: of the sign patterns of the tests.

    Raises:
        DataError: fewer than two, other classes, no image in common, or other labels or pixels under the same names.
    """
    shared = _shared(contenders)
    first = contenders[0].predictions.loc[shared]
    why_not = next((one.barred for one in contenders if one.barred is not None), None)
    known = all(one.predictions["group"].notna().all() for one in contenders)
    groups_n = _merged_groups([one.predictions.loc[shared, "group"] for one in contenders], known)
    columns = [f"p_{k}" for k in range(len(contenders[0].class_names))]
    probs = {one.name: one.predictions.loc[shared, columns].to_numpy(np.float64) for one in contenders}
    recalls = subject_recalls(first["label"].to_numpy(np.int64), probs, None, groups_n)
    names = list(combinations(probs, 2))
    answers = answer_together(recalls, [((a,), (b,)) for a, b in names], barred=why_not, seed=seed)
    values = {name: float((recalls.weight_gk * recalls.mean_of([name])).sum(axis=0).mean()) for name in probs}
    notes = tuple({note.code: note for answer in answers for note in answer.notes}.values())
    about = _about(contenders, len(shared), len(set(groups_n)) if known else None)
    pairs = tuple((a, b, answer) for (a, b), answer in zip(names, answers, strict=True))
    return Comparison(values, pairs, (*about, *notes), known)


def _shared(contenders: Sequence[Contender]) -> list[str]:
    """Names of the images that all tested, sorted.

    Raises:
        DataError: see `compare`.
    """
    if len(contenders) < 2:
        raise DataError(f"compare: expected two or more, got {len(contenders)}. Name another.")
    names = [one.name for one in contenders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"compare: expected each once, got '{twice[0]}' {names.count(twice[0])} times. Name another.")
    first, shared = contenders[0], set(contenders[0].predictions.index)
    for one in contenders[1:]:
        if one.class_names != first.class_names:
            raise DataError(
                f"{one.name}: expected the classes of {first.name} ({', '.join(first.class_names)}), "
                f"found {', '.join(one.class_names)}. Only predictions of the same classes can be compared."
            )
        shared &= set(one.predictions.index)
    if not shared:
        counts = ", ".join(f"{one.name} {len(one.predictions)}" for one in contenders)
        raise DataError(f"compare: expected test images that all share, found none (tested: {counts}).")
    found = sorted(shared)
    for one in contenders[1:]:
        _check_same(first, one, found)
    return found


def _check_same(first: Contender, other: Contender, shared: list[str]) -> None:
    for column, what in (("label", "label"), ("pixel_digest", "pixels")):
        if column in first.predictions and column in other.predictions:
            ours, theirs = (one.predictions.loc[shared, column] for one in (first, other))
            wrong = (ours.to_numpy() != theirs.to_numpy()) & ours.notna().to_numpy() & theirs.notna().to_numpy()
            if wrong.any():
                image, count = shared[int(wrong.argmax())], int(wrong.sum())
                raise DataError(
                    f"{other.name}: expected the {what} that '{image}' has in {first.name}, found others "
                    f"({count} of {len(shared)} shared images). Compare what was made from the same data."
                )


def _merged_groups(groups: Sequence[pd.Series], known: bool) -> NDArray[np.int64]:
    """One number per image: images that any of the contenders holds for one person's have the same."""
    n = len(groups[0])
    if not known:
        return np.zeros(n, dtype=np.int64)
    codes = [np.unique(one.astype(str).to_numpy(), return_inverse=True)[1] for one in groups]
    starts = n + np.cumsum([0, *(int(one.max()) + 1 for one in codes)])
    rows = np.tile(np.arange(n), len(codes))
    columns = np.concatenate([one + start for one, start in zip(codes, starts, strict=False)])
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(int(starts[-1]),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1][:n], dtype=np.int64)


def _about(contenders: Sequence[Contender], images: int, subjects: int | None) -> tuple[Finding, ...]:
    """How many images are shared, and of how many subjects."""
    counts = [f"{one.name} {len(one.predictions)}" for one in contenders]
    whole = all(len(one.predictions) == images for one in contenders)
    values = {"images": images} if whole else {"images": images, "counts": counts}
    found = (Finding("compare.same_images", "info", values),)
    if not whole:
        found = (Finding("compare.shared_images", "warning", values),)
    return found if subjects is None else (*found, Finding("compare.subjects", "info", {"subjects": subjects}))

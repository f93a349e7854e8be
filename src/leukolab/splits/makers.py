"""From an index, its groups and a protocol to a split: the door of this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from leukolab.base.errors import SplitError
from leukolab.base.streams import stream
from leukolab.spec import ProtocolSpec
from leukolab.splits.balance import balanced
from leukolab.splits.blocks import blocks, nested_blocks
from leukolab.splits.cohort import Cohort, make_cohort
from leukolab.splits.given import from_file, official
from leukolab.splits.groups import groups_fingerprint, index_fingerprint
from leukolab.splits.leakage import crossing_groups, drop_crossing, few_groups, large_groups_note
from leukolab.splits.shuffled import Task, holdout, holdout_kfold, kfold, nested
from leukolab.splits.table import Piece, Split, SplitHead, pieces_table

MAKERS: dict[str, Callable[[Task], list[Piece]]] = {
    "holdout": holdout,
    "kfold": kfold,
    "holdout_kfold": holdout_kfold,
    "nested": nested,
    "blocks": blocks,
    "official": official,
    "file": from_file,
}
"""Maker of each kind of split."""


def make_split(index: pd.DataFrame, groups: pd.DataFrame, name: str, protocol: ProtocolSpec, seed: int) -> Split:
    """Cut the images of `index` as `protocol` says; the same seed gives the same split.

    Args:
        index: image_id, label; order, class_name_full or class_name, subject, official_fold where known.
        groups: from `identity_groups` of the same index.
        name: the protocol's name, for the head and for error sentences.

    Raises:
        SplitError: a class has too few groups or images, a file does not fit, or a group would stand on two
            sides and the protocol has no `allow_leakage`.
    """
    cohort = make_cohort(index, groups)
    by, notes = _resolve(cohort, protocol)
    task = Task(cohort, name, protocol, by, seed)
    if by == "block":
        pieces, dropped = drop_crossing((nested_blocks if protocol.split.kind == "nested" else blocks)(task), cohort)
        notes += _dropped_note(dropped)
    else:
        pieces = MAKERS[protocol.split.kind](task)
    leakage = _leakage(task, pieces, notes)
    few_tuning, few_test, few_notes = few_groups(pieces, cohort) if _counts_groups(task) else ((), (), [])
    notes += few_notes + (large_groups_note(pieces, cohort) if by == "group" else [])
    _check_classes(task, pieces)
    table = pieces_table(_balance_training(task, pieces), cohort)
    head = SplitHead(
        protocol=name,
        kind=protocol.split.kind,
        by=by,
        seed=seed,
        leakage=leakage,
        data_fingerprint=index_fingerprint(index),
        groups_fingerprint=groups_fingerprint(groups),
        notes=tuple(notes),
        few_tuning_outer=few_tuning,
        few_test_outer=few_test,
    )
    return Split(table, head)


def _resolve(cohort: Cohort, protocol: ProtocolSpec) -> tuple[str, list[str]]:
    """What `by` means for this kind and these images, and what must be said about it."""
    kind, by = protocol.split.kind, protocol.split.by
    if kind == "blocks":
        return "block", []
    if kind in ("official", "file"):
        return "group" if by == "auto" else by, []
    if by == "auto" and not cohort.subjects_known and kind != "nested":
        return "group", ["Subjects are not known: only twins were kept together; neighbouring images may look alike."]
    if by == "auto":
        return ("group" if cohort.subjects_known else "block"), []
    if by == "block" and kind != "nested":
        raise SplitError(f"split.by: 'block' goes with kind 'nested', got kind '{kind}'. Use 'kind: blocks'.")
    return by, []


def _leakage(task: Task, pieces: list[Piece], notes: list[str]) -> str:
    """The label; a sentence for the reader is added to `notes` where groups cross."""
    crossing = crossing_groups(pieces, task.cohort)
    if crossing and not task.protocol.allow_leakage:
        images = int(np.isin(task.cohort.groups_n, list(crossing)).sum())
        raise SplitError(
            f"{task.where}: expected every identity group on one side, found {len(crossing)} groups "
            f"({images} images) on two. Split by group, or set allow_leakage: true to reproduce a published split."
        )
    if crossing:
        what = "groups (subjects)" if task.cohort.subjects_known else "sets of equal images"
        notes.append(
            f"This split leaks: {len(crossing)} {what} stand in two roles of one fold; scores are upper bounds."
        )
    if not task.cohort.subjects_known:
        notes.append("Subjects are not known: scores are upper bounds, and intervals are too narrow.")
    if crossing:
        return "known"
    return "none" if task.cohort.subjects_known else "subjects-unknown"


def _counts_groups(task: Task) -> bool:
    """Few-group rules speak of subjects; sets of twins say nothing about how many people there are."""
    return task.cohort.subjects_known


def _dropped_note(dropped: int) -> list[str]:
    if not dropped:
        return []
    return [f"{dropped} images were dropped from a part (training first, test never): their twin stands in another."]


def _check_classes(task: Task, pieces: list[Piece]) -> None:
    """Every part must hold every class; of a user's own split, the test part: without it nothing can be scored."""
    for piece in pieces:
        missing = set(np.unique(task.cohort.labels_n).tolist()) - set(task.cohort.labels_n[piece.items].tolist())
        own = task.spec.kind == "file"
        if missing and (piece.role == "test" or not own):
            advice = "Add some to the file." if own else "Ask for fewer parts, or use another seed."
            raise SplitError(
                f"{task.where}: outer {piece.outer}, fold {piece.fold}: expected images of every class in "
                f"{piece.role}, found none of '{task.cohort.class_names[min(missing)]}'. {advice}"
            )


def _balance_training(task: Task, pieces: list[Piece]) -> list[Piece]:
    balance = task.protocol.balance
    if balance.when != "in_training" or balance.per_class is None:
        return pieces
    made = []
    for piece in pieces:
        if piece.role == "train":
            rng = stream(task.seed, "balance", piece.outer, piece.fold)
            piece = replace(piece, items=balanced(piece.items, task.cohort.labels_n, balance.per_class, rng))
        made.append(piece)
    return made

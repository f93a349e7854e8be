"""From an index, its groups and a protocol to a split: the door of this room."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from leukolab.base.errors import SplitError
from leukolab.base.findings import Finding
from leukolab.base.streams import stream
from leukolab.spec import ProtocolSpec
from leukolab.splits.balance import balanced
from leukolab.splits.blocks import blocks, nested_blocks
from leukolab.splits.cohort import Cohort, make_cohort
from leukolab.splits.given import from_file, official
from leukolab.splits.groups import NEAR_KINDS, groups_fingerprint, index_fingerprint
from leukolab.splits.leakage import crossing_groups, drop_crossing, few_groups, few_groups_findings, large_groups
from leukolab.splits.parts import by_parts
from leukolab.splits.shuffled import SplitRequest, holdout, holdout_kfold, kfold, nested
from leukolab.splits.table import EQUAL_PIXELS, Piece, Split, SplitHead, pieces_table

MAKERS: dict[str, Callable[[SplitRequest], list[Piece]]] = {
    "holdout": holdout,
    "kfold": kfold,
    "holdout_kfold": holdout_kfold,
    "nested": nested,
    "blocks": blocks,
    "official": official,
    "file": from_file,
    "parts": by_parts,
}
"""Maker of each kind of split."""


def make_split(
    index: pd.DataFrame,
    groups: pd.DataFrame,
    name: str,
    protocol: ProtocolSpec,
    seed: int,
    searched: Collection[str] = EQUAL_PIXELS,
) -> Split:
    """Cut the images of `index` as `protocol` says; the same seed gives the same split.

    Args:
        index: image_id, label; order, class_name_full or class_name, subject, official_fold where known.
        groups: from `identity_groups` of the same index.
        name: the protocol's name, for the head and for error sentences.
        searched: kinds of pairs that were looked for when the groups were made; without near-twins among them the
            label is never `none`.

    Raises:
        SplitError: a class has too few groups or images, a file does not fit, or a group would stand on two
            sides and the protocol has no `allow_leakage`.
    """
    cohort = make_cohort(index, groups)
    by, found = _resolve(cohort, protocol)
    request = SplitRequest(cohort, name, protocol, by, seed)
    pieces, dropped = _cut(request)
    leakage, leaks = _leakage(request, pieces, searched)
    few_tuning, few_test = few_groups(pieces, cohort) if cohort.subjects_known else ({}, {})
    found += dropped + leaks + few_groups_findings(few_tuning, few_test, pieces, cohort)
    found += large_groups(pieces, cohort) if by == "group" else []
    _check_classes(request, pieces)
    head = SplitHead(
        protocol=name,
        kind=protocol.split.kind,
        by=by,
        seed=seed,
        leakage=leakage,
        data_fingerprint=index_fingerprint(index),
        groups_fingerprint=groups_fingerprint(groups),
        findings=tuple(found),
        few_tuning_outer=tuple(few_tuning),
        few_test_outer=tuple(few_test),
        searched=tuple(searched),
    )
    return Split(pieces_table(_balance_training(request, pieces), cohort), head)


def _resolve(cohort: Cohort, protocol: ProtocolSpec) -> tuple[str, list[Finding]]:
    """What `by` means for this kind and these images, and what must be said about it."""
    kind, by = protocol.split.kind, protocol.split.by
    if kind == "blocks":
        return "block", []
    if kind in ("official", "file"):
        return "group" if by == "auto" else by, []
    if by == "auto" and not cohort.subjects_known and kind != "nested":
        return "group", [Finding("split.only_twins_together", "warning")]
    if by == "auto":
        return ("group" if cohort.subjects_known else "block"), []
    if by == "block" and kind != "nested":
        raise SplitError(f"split.by: 'block' goes with kind 'nested', got kind '{kind}'. Use 'kind: blocks'.")
    return by, []


def _cut(request: SplitRequest) -> tuple[list[Piece], list[Finding]]:
    """The pieces; of blocks, and of given parts without subjects, less the images whose twin stands in another part."""
    given = request.spec.kind == "parts" and not request.cohort.subjects_known and not request.protocol.allow_leakage
    if request.by != "block" and not given:
        return MAKERS[request.spec.kind](request), []
    maker = nested_blocks if request.spec.kind == "nested" else MAKERS[request.spec.kind]
    pieces, dropped = drop_crossing(maker(request), request.cohort)
    return pieces, [Finding("split.dropped_twins", "info", {"images": dropped})] if dropped else []


def _leakage(request: SplitRequest, pieces: list[Piece], searched: Collection[str]) -> tuple[str, list[Finding]]:
    """The label, and findings where groups cross or subjects are unknown.

    Raises:
        SplitError: groups cross and the protocol has no `allow_leakage`.
    """
    known = request.cohort.subjects_known
    crossing = crossing_groups(pieces, request.cohort)
    if crossing and not request.protocol.allow_leakage:
        images = int(np.isin(request.cohort.groups_n, list(crossing)).sum())
        raise SplitError(
            f"{request.where}: expected every identity group on one side, found {len(crossing)} groups "
            f"({images} images) on two. Split by group, or set allow_leakage: true to reproduce a published split."
        )
    found = []
    if crossing:
        code = "split.leaks_subjects" if known else "split.leaks_equal_images"
        found.append(Finding(code, "warning", {"groups": len(crossing)}))
    if not known:
        found.append(Finding("split.subjects_unknown", "warning"))
        return "known" if crossing else "subjects-unknown", found
    return "known" if crossing else "none" if NEAR_KINDS.intersection(searched) else "not-searched", found


def _check_classes(request: SplitRequest, pieces: list[Piece]) -> None:
    """Every part must hold every class; of a user's own split, the test part: without it nothing can be scored."""
    for piece in pieces:
        missing = set(np.unique(request.cohort.labels_n).tolist()) - set(request.cohort.labels_n[piece.items].tolist())
        own = request.spec.kind == "file"
        if missing and (piece.role == "test" or not own):
            advice = "Add some to the file." if own else "Ask for fewer parts, or use another seed."
            raise SplitError(
                f"{request.where}: outer {piece.outer}, fold {piece.fold}: expected images of every class in "
                f"{piece.role}, found none of '{request.cohort.class_names[min(missing)]}'. {advice}"
            )


def _balance_training(request: SplitRequest, pieces: list[Piece]) -> list[Piece]:
    balance = request.protocol.balance
    if balance.when != "in_training" or balance.per_class is None:
        return pieces
    made = []
    for piece in pieces:
        if piece.role == "train":
            rng = stream(request.seed, "balance", piece.outer, piece.fold)
            piece = replace(piece, items=balanced(piece.items, request.cohort.labels_n, balance.per_class, rng))
        made.append(piece)
    return made

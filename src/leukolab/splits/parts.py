"""The split that the data come with: their parts, such as folders `train`, `val` and `test`."""

from __future__ import annotations

import re

import numpy as np

from leukolab.base.errors import SplitError, nearest
from leukolab.splits.shuffled import SplitRequest, inner_folds, take_tuning
from leukolab.splits.table import Piece

ROLE_WORDS = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "latih": "train",
    "pelatihan": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "validasi": "validation",
    "tuning": "tuning",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "uji": "test",
    "pengujian": "test",
}
"""Words in a part's name that say its role beyond doubt, in English and Indonesian."""


def by_parts(request: SplitRequest) -> list[Piece]:
    """The given test part; the other roles as given, and set aside of the training part where no part has them.

    With several folds the training and validation parts are cut into these folds together.

    Raises:
        SplitError: a part's role is not known, or no part is the training or the test part.
    """
    items = request.items()
    roles_n = np.array([_roles(request)[part] for part in request.cohort.parts_n[items]], dtype=object)
    train, validation, tuning, test = (items[roles_n == role] for role in ("train", "validation", "tuning", "test"))
    if not len(tuning) and request.spec.tuning is not None:
        tuning, train = take_tuning(request, train, request.spec.tuning, 1)
    if request.spec.folds > 1:
        rest = np.sort(np.concatenate([train, validation]))
        return inner_folds(1, test, tuning, request.cutter.folds(rest, request.spec.folds, "inner", 1))
    if not len(validation):
        validation, train = request.cutter.take(train, request.spec.validation, "validation", 1)
    pieces = {"train": train, "validation": validation, "tuning": tuning, "test": test}
    return [Piece(1, 1, role, part) for role, part in pieces.items() if len(part)]


def _roles(request: SplitRequest) -> dict[str, str]:
    """Role of each part of the data.

    Raises:
        SplitError: a part's role is not known, or no part is the training or the test part.
    """
    parts, given = sorted(set(request.cohort.parts_n)), request.spec.part_roles
    for part in given:
        if part not in parts:
            raise SplitError(f"{request.where}: split.part_roles: '{part}' is no part. {nearest(part, parts)}")
    roles: dict[str, str] = dict(given) or {part: role for part in parts if (role := _said(part))}
    for role in ("train", "test"):
        if role not in roles.values():
            raise SplitError(
                f"{request.where}: expected a part for '{role}' among those of the data, found {', '.join(parts)}. "
                "Say how the parts are read by data.part_from, and which is which by split.part_roles."
            )
    unclear = [part for part in parts if part not in roles]
    if unclear:
        raise SplitError(
            f"{request.where}: expected a role for each part of the data, found none for '{unclear[0]}'. Name it in "
            "split.part_roles, or leave it out by data.parts."
        )
    return roles


def _said(part: str) -> str | None:
    """The role that a part's name says; None where it says none, or two."""
    said = {ROLE_WORDS[word] for word in re.split(r"[\W_\d]+", part.casefold()) if word in ROLE_WORDS}
    return said.pop() if len(said) == 1 else None

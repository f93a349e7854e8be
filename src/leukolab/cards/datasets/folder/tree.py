"""A tree of images: which of its folders is the class of an image."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from leukolab.base.errors import DataError
from leukolab.base.findings import Finding
from leukolab.cards.datasets.folder.layout import Layout, check_parts, class_level
from leukolab.cards.datasets.folder.patterns import Patterns, check_swift, chosen
from leukolab.cards.index import Found, image_id
from leukolab.cards.listing import files_below
from leukolab.cards.reading import left_out
from leukolab.cards.subjects import spelling_key
from leukolab.spec import DataSpec

_MASK = re.compile(r"[_\- ](mask|masks|seg|segmentation|gt|groundtruth)$", re.IGNORECASE)


def images_of(root: Path, spec: DataSpec, patterns: Patterns) -> tuple[list[Found], tuple[Finding, ...]]:
    """The images below `root`, each in the class of its folder, and what was left out.

    Raises:
        DataError: folders may be classes or something else, fewer than two of them hold images, or masks stand
            beside the images.
    """
    images, others, folders = files_below(root)
    names = [image_id(root, path) for path in images]
    check_swift(patterns, names)
    keep, findings = chosen(names, spec)
    kept = [(path, name) for path, name, keeps in zip(images, names, keep, strict=True) if keeps]
    _check_masks(root, [name for _, name in kept])
    taken = [_levels(name, patterns) for _, name in kept]
    layout = Layout(root, tuple(taken), patterns.part is not None, patterns.subject is not None)
    level = class_level(layout)
    loose = [name for (_, name), levels in zip(kept, taken, strict=True) if len(levels) <= level]
    found = [
        Found(path, levels[level][1], "images")
        for (path, _), levels in zip(kept, taken, strict=True)
        if len(levels) > level
    ]
    empty = _empty(root, folders, names)
    _check_classes(root, found, empty, others)
    if patterns.part is not None:
        check_parts(root, [patterns.part.of(image_id(root, one.path)) for one in found], spec)
    unread = _by_kind([image_id(root, path) for path in others])
    findings += left_out("read.empty_folder", empty, "warning") + left_out("read.no_class", loose, "warning")
    return found, findings + sum((left_out("read.unread_kind", of, kind=kind) for kind, of in unread), ())


def _levels(name: str, patterns: Patterns) -> tuple[tuple[int, str], ...]:
    """Depth and name of the folders above an image that may be its class: neither part nor subject by the patterns."""
    folders = list(enumerate(name.split("/")[:-1]))
    part = patterns.part.levels(name) if patterns.part else frozenset()
    subject = patterns.subject.levels(name) if patterns.subject else frozenset()
    free = tuple(folder for folder in folders if folder[0] not in part | subject)
    return free or tuple(folder for folder in folders if folder[0] not in part)


def _check_masks(root: Path, names: Sequence[str]) -> None:
    stems = {name.rpartition(".")[0] for name in names}
    masks = sorted(name for name in names if _masks(name) and _MASK.sub("", name.rpartition(".")[0]) in stems)
    if masks:
        stem = masks[0].rpartition(".")[0]
        mark = _MASK.search(stem)
        pattern = f"*{mark[0] if mark else ''}.*"
        raise DataError(
            f"{root}: expected images of cells, found {len(masks):,} that look like masks of images beside them, such "
            f"as '{masks[0]}'. Leave them out by data.exclude='{pattern}'.",
            settings=("data.exclude",),
        )


def _masks(name: str) -> bool:
    return _MASK.search(name.rpartition(".")[0]) is not None


def _empty(root: Path, folders: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Folders without any image in them that stand beside or below folders with images."""
    full = {"/".join(pieces[:depth]) for pieces in (name.split("/") for name in names) for depth in range(len(pieces))}
    relative = [image_id(root, folder) for folder in folders]
    return [name for name in relative if name not in full and name.rpartition("/")[0] in full]


def _check_classes(root: Path, found: Sequence[Found], empty: Sequence[str], others: Sequence[Path]) -> None:
    seen: dict[str, str] = {}
    for name in sorted({str(one.class_name) for one in found}):
        other = seen.setdefault(spelling_key(name), name)
        if other != name:
            raise DataError(
                f"{root}: expected classes with names of their own, found '{other}' and '{name}', which differ in "
                "their spelling alone. Give their folders one name, or another one."
            )
    if len(seen) >= 2:
        return
    shown = f"one ('{next(iter(seen.values()))}')" if seen else "none: the images lie in no folder of a class"
    kinds = ", ".join(f"{len(of):,} {kind}" for kind, of in _by_kind([path.name for path in others]))
    hollow = f"; without an image that can be read: {', '.join(empty)}" if empty else ""
    unread = f"; not read: {kinds}" if kinds else ""
    raise DataError(
        f"{root}: expected images of at least two classes, one folder each, found {shown}{hollow}{unread}. "
        "Put each class into its own folder, as files that can be read."
    )


def _by_kind(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Names by their ending in small letters."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stem, dot, ending = name.rpartition("/")[2].rpartition(".")
        kinds[f".{ending.lower()}" if dot and stem else "without an ending"].append(name)
    return sorted(kinds.items())

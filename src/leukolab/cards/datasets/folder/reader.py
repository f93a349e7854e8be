"""From a tree or a table of one's own images to their index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from leukolab.base.errors import DataError, nearest
from leukolab.cards.datasets.folder.card import CARD
from leukolab.cards.datasets.folder.patterns import Patterns, patterns_of
from leukolab.cards.datasets.folder.table import rows_of
from leukolab.cards.datasets.folder.tree import images_of
from leukolab.cards.index import Found, image_id, make_index
from leukolab.cards.listing import DEEP, child_folders, has_image, natural
from leukolab.cards.readability import verify_readable
from leukolab.cards.reading import Reading
from leukolab.cards.tables import looks_like_table, read_table
from leukolab.cards.verdict import VerifyResult
from leukolab.spec import DataSpec


def find_root(path: Path) -> Path | None:
    """A table, or the first folder with two folders of images on the way down through single ones, else `path`.

    Raises:
        DataError: two tables of a folder have the columns.
    """
    if path.is_file():
        return path if looks_like_table(path) else None
    folder = path
    for _ in range(DEEP + 1):
        table = _table_in(folder)
        if table is not None:
            return table
        inside = [child for child in child_folders(folder) if has_image(child)]
        if len(inside) >= 2:
            return folder
        if len(inside) != 1:
            break
        folder = inside[0]
    return path if has_image(path) else None


def read(root: Path, spec: DataSpec) -> Reading:
    """The images; subjects come from the table or from `data.subject_from`.

    Raises:
        DataError: the folders or the table can be read two ways or none, or a path does not fit a pattern.
        SpecError: a setting is no pattern, or has no group.
    """
    patterns = patterns_of(spec)
    base = root if root.is_dir() else root.parent
    found, findings = rows_of(root, spec, patterns) if root.is_file() else images_of(root, spec, patterns)
    found = _of_parts([_filled(one, image_id(base, one.path), patterns) for one in found], spec, root)
    names = {one.class_name for one in found if one.class_name is not None}
    return Reading(make_index(base, found, sorted(names, key=natural), None), findings)


def verify(root: Path, spec: DataSpec) -> VerifyResult:
    """Count and read every image; nothing official is known of them."""
    return verify_readable(CARD, root, read(root, spec).index)


def _table_in(folder: Path) -> Path | None:
    """The one table in the folder that has the columns; None where there is none."""
    tables = [path for path in sorted(folder.glob("*.[cC][sS][vV]")) if _fits(path)]
    if len(tables) > 1:
        names = " and ".join(f"'{path.name}'" for path in tables[:2])
        raise DataError(f"{folder}: expected one table of images, found {names}. Give one of them as the data folder.")
    return tables[0] if tables else None


def _fits(path: Path) -> bool:
    try:
        return not read_table(path).lacks(("path", "label"))
    except DataError:
        return False


def _filled(one: Found, name: str, patterns: Patterns) -> Found:
    """With subject and part by the patterns that are given."""
    if patterns.subject is not None:
        one = replace(one, subject=patterns.subject.of(name))
    return one if patterns.part is None else replace(one, part=patterns.part.of(name))


def _of_parts(found: list[Found], spec: DataSpec, root: Path) -> list[Found]:
    """Those of the parts in `spec`, all where it names none."""
    known = sorted({one.part for one in found}, key=natural)
    for part in spec.parts or ():
        if part not in known:
            raise DataError(f"{root}: expected a part that is there, got '{part}'. {nearest(part, known)}")
    return [one for one in found if not spec.parts or one.part in spec.parts]

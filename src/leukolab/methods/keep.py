"""A fitted method as a file and back: scikit-learn's objects by skops, which runs no code; same method, same bytes.

Files of skops hold addresses of memory and the time; these are replaced here.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from sklearn.pipeline import Pipeline

from leukolab.base.errors import WeightsError
from leukolab.methods.calibrate import Scale

SCHEMA = "schema.json"
TRUSTED = ("numpy.clip", "sklearn.tree._tree.Tree")
"""What skops asks about: a function, and nodes of trees, which a forged file could point outside its arrays.

Files are read only where their digest is the one that was written down.
"""
_NAMED = re.compile(r'("__id__": |")(\d{6,})(\.npy")?')
_EARLY = (1980, 1, 1, 0, 0, 0)


def to_bytes(fitted: Pipeline, scale: Scale) -> bytes:
    """The method as the content of a file."""
    import skops.io

    kept = {"fitted": fitted, "scale": {"slope": scale.slope, "offset_k": list(scale.offset_k)}}
    return _settled(skops.io.dumps(kept))


def from_file(path: Path) -> tuple[Pipeline, Scale]:
    """The method that `to_bytes` wrote; nothing in the file is executed.

    Raises:
        WeightsError: it is missing, damaged, or holds something else.
    """
    import skops.io

    try:
        found = skops.io.load(path, trusted=list(TRUSTED))
        fitted, scale = found["fitted"], found["scale"]
        if not isinstance(fitted, Pipeline):
            raise TypeError(type(fitted).__name__)
        return fitted, Scale(float(scale["slope"]), tuple(map(float, scale["offset_k"])))
    except Exception as error:  # skops and zipfile raise a dozen kinds for a file that is not what it should be
        raise WeightsError(
            f"{path}: expected a fitted method, found it missing or damaged ({type(error).__name__}). "
            "If it belongs to a run, run the study there again: it fits the method anew."
        ) from error


def _settled(data: bytes) -> bytes:
    """The same archive with objects numbered in order, and no time in it."""
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        before, number, after = match.groups()
        return f"{before}{numbers.setdefault(number, str(len(numbers)))}{after or ''}"

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        schema = _NAMED.sub(numbered, old.read(SCHEMA).decode())
        new.writestr(zipfile.ZipInfo(SCHEMA, _EARLY), schema)
        for name in sorted(set(old.namelist()) - {SCHEMA}, key=lambda name: int(numbers[name.partition(".")[0]])):
            number, _, suffix = name.partition(".")
            new.writestr(zipfile.ZipInfo(f"{numbers[number]}.{suffix}", _EARLY), old.read(name))
    return out.getvalue()

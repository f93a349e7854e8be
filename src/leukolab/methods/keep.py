"""A fitted method as a file and back: scikit-learn's objects by skops, which runs no code; same method, same bytes.

Files of skops hold addresses of memory and the time; these are replaced here.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from leukolab.base.errors import WeightsError
from leukolab.methods.calibrate import Scale
from leukolab.methods.learn import Learned, Part
from leukolab.spec import MethodSpec, any_method

SCHEMA = "schema.json"
TRUSTED = (
    "leukolab.methods.boosters.Boosted",
    "numpy.clip", "numpy.dot", "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer", "sklearn.tree._tree.Tree",
    "sklearn.metrics.pairwise.rbf_kernel", "sklearn.utils._bunch.Bunch",
)  # fmt: skip
"""What skops asks about: functions, boosters, whose packages read their own texts, and parts of classifiers, such as
nodes of trees, which a forged file could point outside their arrays.

Files are read only where their digest is the one that was written down.
"""
_NAMED = re.compile(r'("__id__": |")(\d{6,})(\.npy")?')
_EARLY = (1980, 1, 1, 0, 0, 0)


def to_bytes(learned: Learned) -> bytes:
    """The method as the content of a file."""
    import skops.io

    parts = [{"spec": one.spec.model_dump_json(), "fitted": one.fitted, "scale": _plain(one.scale)}
             for one in learned.parts]  # fmt: skip
    kept = {"parts": parts, "scale": _plain(learned.scale), "chosen": learned.chosen.model_dump_json()}
    return _settled(skops.io.dumps(kept))


def from_file(path: Path) -> Learned:
    """The method that `to_bytes` wrote, but for what was tried beside it; nothing in the file is executed.

    Raises:
        WeightsError: it is missing, damaged, or holds something else.
    """
    import skops.io

    try:
        found = skops.io.load(path, trusted=list(TRUSTED))
        return Learned(
            tuple(map(_part, found["parts"])), _scale(found["scale"]), any_method(json.loads(found["chosen"]))
        )
    except Exception as error:  # skops and zipfile raise a dozen kinds for a file that is not what it should be
        raise WeightsError(
            f"{path}: expected a fitted method, found it missing or damaged ({type(error).__name__}). "
            "If it belongs to a run, run the study there again: it fits the method anew."
        ) from error


def _part(found: dict[str, Any]) -> Part:
    if not isinstance(found["fitted"], Pipeline):
        raise TypeError(type(found["fitted"]).__name__)
    return Part(MethodSpec.model_validate_json(found["spec"]), found["fitted"], _scale(found["scale"]))


def _plain(scale: Scale) -> dict[str, Any]:
    return {"slope": scale.slope, "offset_k": list(scale.offset_k)}


def _scale(found: dict[str, Any]) -> Scale:
    return Scale(float(found["slope"]), tuple(map(float, found["offset_k"])))


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

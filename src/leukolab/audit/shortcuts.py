"""The shortcut probe: a classifier that sees only colour, or size and colour, and no morphology.

On smears it gets 27 colour statistics of the whole image, on cells cut out on black 24 numbers of size and
colour inside the mask. It works on the files, not on resized pixels: size survives only where scale does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leukolab.base import kept
from leukolab.base.home import Home
from leukolab.base.keys import content_key
from leukolab.images import black_background, cell_statistics, colour_statistics, decode, map_files
from leukolab.images.decode import Pixels

Floats = NDArray[np.float64]
SHORTCUTS_VERSION = 1
"""Raised by hand when the same images would give other numbers."""


def shortcut_features(paths: Sequence[Path], pixels_key: str, home: Home) -> tuple[str, Floats]:
    """What the probe sees of each image, kept in the home folder under the key of the packed pixels.

    Returns:
        `colour` and float64 (n, 27) for smears, or `size_and_colour` and float64 (n, 24) for cells on black.
    """
    kind = "size_and_colour" if _mostly_black(paths) else "colour"
    key = content_key("shortcuts", SHORTCUTS_VERSION, {"pixels": pixels_key}, {"kind": kind})
    name = f"shortcuts/{key}.npy"
    features = _kept(home, name)
    if features is None:
        features = np.stack(list(map_files(partial(_of_file, kind), list(paths), "shortcut statistics")))
        data = io.BytesIO()
        np.save(data, features)
        kept.write(home, name, [data.getbuffer()])
    return kind, features


def shortcut_statistics(kind: str, image: Pixels) -> Floats:
    """What the probe of a kind, see `shortcut_features`, sees of one image, uint8 (h, w, 3) at full resolution."""
    return cell_statistics(image) if kind == "size_and_colour" else colour_statistics(image)


def _kept(home: Home, name: str) -> Floats | None:
    data = kept.read(home, name)
    return None if data is None else np.load(io.BytesIO(data))


def shortcut_probe(
    features: Floats, labels: NDArray[np.int64], weights: Floats, rows: NDArray[np.int64], seed: int
) -> Floats:
    """Extra trees trained on `rows`, asked about every image.

    Args:
        features: float64 (n, d).
        labels: int64 (n,).
        weights: float64 (len(rows),), how much each training image counts.
        rows: int64, the training images.

    Returns:
        float64 (n, k), probabilities of the classes 0 to k - 1.

    Source: Geurts, Ernst, Wehenkel 2006, extremely randomised trees; scikit-learn's implementation.
    """
    return fitted_probe(features, labels, weights, rows, seed)(features)


def fitted_probe(
    features: Floats, labels: NDArray[np.int64], weights: Floats, rows: NDArray[np.int64], seed: int
) -> Callable[[Floats], Floats]:
    """The trees of `shortcut_probe` as a function from statistics (m, d) to probabilities (m, k)."""
    from sklearn.ensemble import ExtraTreesClassifier

    trees = ExtraTreesClassifier(n_estimators=300, random_state=seed % 2**32, n_jobs=-1)
    trees.fit(features[rows], labels[rows], sample_weight=weights)
    classes = int(labels.max()) + 1
    return lambda asked: all_classes(trees.predict_proba(asked), trees.classes_, classes)


def all_classes(probs_nc: Floats, present: NDArray[np.int64], classes: int) -> Floats:
    """Probabilities (n, c) of the classes present in training, as (n, k) with zeros for the others."""
    probs_nk = np.zeros((len(probs_nc), classes))
    probs_nk[:, present] = probs_nc
    return probs_nk


def _mostly_black(paths: Sequence[Path]) -> bool:
    sample = paths[:: max(1, len(paths) // 9)]
    return sum(black_background(decode(path)) for path in sample) * 2 > len(sample)


def _of_file(kind: str, path: Path) -> Floats:
    return shortcut_statistics(kind, decode(path))

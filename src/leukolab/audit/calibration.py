"""From which similarity on two images are one: learnt from pairs that cannot be twins, those of two classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FALSE_PAIRS = 0.05
"""Twins are named where fewer false pairs than this are expected in the whole search."""

UNCALIBRATED = 0.8
"""Least similarity where there are no pairs of two classes to learn from."""

TAIL = 200
"""How many of the most similar pairs of two classes the tail is drawn from."""

_FEWEST = 20


@dataclass(frozen=True)
class Calibration:
    """How many false pairs are expected from a similarity on: `count * exp((start - z) / scale)`, z its arctanh.

    Attributes:
        threshold: similarity from which pairs count as twins.
        start: arctanh of the least similar pair of the tail; NaN where there was nothing to learn from.
        scale: of the tail; its mean excess over `start`.
        count: false pairs expected above `start`.
        known_false: pairs of two classes that were compared.
    """

    threshold: float
    start: float
    scale: float
    count: float
    known_false: int

    def doubt(self, scores: Floats) -> Floats:
        """False pairs expected in the whole search with at least these scores; float64, as `scores`.

        Without pairs to learn from it is 1 at the threshold and falls tenfold for each 0.1 above it.
        """
        if np.isnan(self.start):
            return np.asarray(10 ** (10 * (self.threshold - scores)))
        return np.asarray(self.count * np.exp((self.start - _z(scores)) / self.scale))


def calibrate(tail: Floats, known_false: int, searched: int, floor: float) -> Calibration:
    """Draw the tail of false similarities and extend it to where `FALSE_PAIRS` are expected.

    The scale is the median excess over the tail's start by ln 2, so that a few twins with contradicting labels
    among the tail do not move it.

    Args:
        tail: float64, the most similar pairs of two classes, at most `TAIL` of them are used.
        known_false: all pairs of two classes that were compared.
        searched: all other pairs that were compared.
        floor: similarity that the threshold never goes below: a few images can seem to part better than they do.

    Source: an exponential tail over a high threshold, Balkema and de Haan 1974, Pickands 1975; pairs of two
    classes as decoys, as in Elias and Gygi 2007.
    """
    count = min(TAIL, len(tail), known_false // 10)
    if count < _FEWEST:
        return Calibration(UNCALIBRATED, np.nan, np.nan, np.nan, known_false)
    highest = np.sort(_z(tail))[::-1][:count]
    start = float(highest[-1])
    scale = max(float(np.median(highest - start)) / np.log(2), 1e-3)
    expected = count * searched / known_false
    threshold = float(np.tanh(start + scale * np.log(max(expected / FALSE_PAIRS, 1.0))))
    return Calibration(max(floor, threshold), start, scale, expected, known_false)


def _z(scores: Floats) -> Floats:
    return np.asarray(np.arctanh(np.clip(scores, -0.999999, 0.999999)), dtype=np.float64)

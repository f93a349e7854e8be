"""Fields that overlap: the stage was moved a little between two pictures, so they share cells at other places.

Small patches round the most striking points of each field are compared, all with all; the most similar pairs of
fields are then laid over each other as well as they go, and what overlaps is correlated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from leukolab.audit.nearest import Floats, Nearest, Rows, Search, search_pairs

POINTS = 8
"""Patches per field."""

CANDIDATES = 4
"""Pairs per field that are laid over each other, of those that can be twins and of those that cannot."""

LEAST_OVERLAP = 0.3
"""Share of a field that two pictures must have in common."""

_HALF_PX = 6
_BLOCK_ROWS = 48
_BATCH = 256


def overlapping(textures: NDArray[np.float16], labels: Rows) -> Search:
    """Pairs of fields by how well they agree where they overlap.

    Args:
        textures: float16 (n, e, e), of `texture.field_texture`.
        labels: int64 (n,), -1 where unknown.

    Returns:
        The best candidates of each sort; `score` is the correlation over the best overlap, from -1 to 1.
    """
    patches = np.stack([_patches(one.astype(np.float32)) for one in textures]) if len(textures) else _NOTHING
    flat = patches.reshape(-1, patches.shape[-1])

    def score(start: int, stop: int, turn: int) -> Floats:
        rows = patches[start:stop].reshape(-1, patches.shape[-1])
        alike = (rows @ flat[start * POINTS :].T).reshape(stop - start, POINTS, len(patches) - start, POINTS)
        return np.asarray(alike.max(axis=(1, 3)))

    found = search_pairs(score, labels, (0,), CANDIDATES * max(len(textures), 1), _BLOCK_ROWS)
    true, false = (_laid_over(part, textures) for part in (found.searched, found.known_false))
    return replace(found, searched=true, known_false=false, full=False)


_NOTHING = np.zeros((0, POINTS, (2 * _HALF_PX + 1) ** 2), dtype=np.float32)


def _patches(texture: Floats) -> Floats:
    """Patches round the strongest extremes of a field, each of mean 0 and norm 1; float32 (8, 169), 0 where too few."""
    smooth = np.abs(ndimage.gaussian_filter(texture, 1.5))
    peak = smooth * (smooth == ndimage.maximum_filter(smooth, 5))
    inner = peak[_HALF_PX:-_HALF_PX, _HALF_PX:-_HALF_PX]
    strongest = np.argsort(-inner, axis=None, kind="stable")[:POINTS]
    patches = np.zeros(_NOTHING.shape[1:], dtype=np.float32)
    for place, (row, column) in enumerate(zip(*np.unravel_index(strongest, inner.shape), strict=True)):
        patch = texture[row : row + 2 * _HALF_PX + 1, column : column + 2 * _HALF_PX + 1].ravel()
        patch = patch - patch.mean()
        patches[place] = patch / max(float(np.linalg.norm(patch)), 1e-3)
    return patches


def _laid_over(pairs: Nearest, textures: NDArray[np.float16]) -> Nearest:
    """The same pairs with the correlation of what overlaps, the best first."""
    scores = np.array(list(_agreements(pairs, textures)), dtype=np.float32)
    order = np.lexsort((pairs.second, pairs.first, -scores))
    return Nearest(pairs.first[order], pairs.second[order], pairs.turn[order], scores[order])


def _agreements(pairs: Nearest, textures: NDArray[np.float16]) -> Iterator[float]:
    edge = textures.shape[1]
    size = fft.next_fast_len(2 * edge, real=True)
    spectra = fft.rfft2(textures.astype(np.float32), (size, size))
    lags = (np.arange(size) + edge) % size - edge
    common = np.clip(edge - np.abs(lags), 0, None) / edge
    shares = np.outer(common, common)
    usable = np.where(shares >= LEAST_OVERLAP, 1 / np.maximum(shares, LEAST_OVERLAP), 0).astype(np.float32)
    for start in range(0, len(pairs.first), _BATCH):
        first, second = (rows[start : start + _BATCH] for rows in (pairs.first, pairs.second))
        agreement = fft.irfft2(spectra[first] * spectra[second].conj(), (size, size)) * usable
        best = agreement.reshape(len(first), -1).argmax(axis=1)
        for one, other, place in zip(first, second, best, strict=True):
            lag = lags[place // size], lags[place % size]
            yield _agreement(textures[one], textures[other], int(lag[0]), int(lag[1]))


def _agreement(one: NDArray[np.float16], other: NDArray[np.float16], down: int, right: int) -> float:
    """Correlation of two fields where they overlap once the second is moved down and to the right."""
    rows, columns = _common(one.shape[0], down), _common(one.shape[1], right)
    above = one[rows[0], columns[0]].astype(np.float32).ravel()
    below = other[rows[1], columns[1]].astype(np.float32).ravel()
    above, below = above - above.mean(), below - below.mean()
    return float(above @ below / max(float(np.linalg.norm(above) * np.linalg.norm(below)), 1e-6))


def _common(length: int, lag: int) -> tuple[slice, slice]:
    """The part of each that the other covers, along one axis."""
    return slice(max(lag, 0), length + min(lag, 0)), slice(max(-lag, 0), length + min(-lag, 0))

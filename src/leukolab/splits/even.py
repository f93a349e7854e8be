"""Groups of one class dealt into parts that are even in groups and in images, none ruled by one group."""

from __future__ import annotations

import numpy as np

from leukolab.splits.cohort import Array

LARGEST_SHARE = 1 / 3
"""No group should hold more of a class's images in a part, nor more of a part that is set aside."""
FAR = 0.25
"""A part whose images are so far from an equal share is as bad as one of which a group holds half."""
STARTS = 24
"""Seeded deals that are improved; the best is taken."""
SWAPPED = 250
"""Groups among which a swap is looked for; more are drawn at random, as many groups are even without."""


def even_parts(sizes: Array, count: int, rng: np.random.Generator) -> Array:
    """Number of the part of each group, from 0; part 0 is the most even.

    Groups are dealt like cards, so that parts differ by one group at most; then two groups change places as long as
    that makes the parts more even.

    Args:
        sizes: int64 (g,), images of each group of one class.
        count: number of parts, g at most.

    Returns:
        int64 (g,), parts by number, the most even first.
    """
    deals = [_improved(sizes, _dealt(len(sizes), count, rng), count, rng) for _ in range(STARTS)]
    part = min(deals, key=lambda deal: _costs(sizes, deal, count).sum())
    rank = np.argsort(np.lexsort((_largest(sizes, part, count), _costs(sizes, part, count))))
    return np.asarray(rank[part])


def _dealt(groups: int, count: int, rng: np.random.Generator) -> Array:
    part = np.empty(groups, dtype=np.int64)
    part[rng.permutation(groups)] = rng.permutation(count)[np.arange(groups) % count]
    return part


def _improved(sizes: Array, part: Array, count: int, rng: np.random.Generator) -> Array:
    """Of all swaps of two groups the best, until none is better."""
    part = part.copy()
    while True:
        some = np.sort(rng.permutation(len(sizes))[:SWAPPED])
        gain = _gains(sizes, part, some, count)
        best = np.unravel_index(gain.argmax(), gain.shape)
        if gain[best] <= 1e-9:
            return part
        pair = some[list(best)]
        part[pair] = part[pair[::-1]]


def _gains(sizes: Array, part: Array, some: Array, count: int) -> Array:
    """How much less the parts cost when two of `some` groups change places, float64 (s, s)."""
    totals, costs = np.bincount(part, sizes, count), _costs(sizes, part, count)
    own, size = part[some], sizes[some]
    others = _largest_without(sizes, part, some, count)
    after = totals[own][:, None] - size[:, None] + size[None, :]
    largest = np.maximum(others[:, None], size[None, :])
    cost = _cost(after, largest, sizes.sum() / count)  # of the part of the first, with the second in its place
    gain = costs[own][:, None] + costs[own][None, :] - cost - cost.T
    return np.where(own[:, None] == own[None, :], -np.inf, gain)


def _largest_without(sizes: Array, part: Array, some: Array, count: int) -> Array:
    """Images of the largest other group in the part of each of `some` groups."""
    first, second = np.zeros(count), np.zeros(count)
    for number in range(count):
        two = np.sort(sizes[part == number])[::-1][:2]
        first[number], second[number] = two[0], two[1] if len(two) > 1 else 0
    own = part[some]
    return np.where(sizes[some] == first[own], second[own], first[own])


def _costs(sizes: Array, part: Array, count: int) -> Array:
    return _cost(np.bincount(part, sizes, count), _largest(sizes, part, count), sizes.sum() / count)


def _largest(sizes: Array, part: Array, count: int) -> Array:
    largest = np.zeros(count)
    np.maximum.at(largest, part, sizes)
    return largest


def _cost(totals: Array, largest: Array, equal: float) -> Array:
    """1/2 and the largest group's share where that is over a third; squared distance from an equal share, in `FAR`."""
    share = largest / totals
    return np.where(share > LARGEST_SHARE, 1 / 2 + share, 0) + ((totals / equal - 1) / FAR) ** 2

"""Named random streams: the same seed and name give the same numbers, whatever ran before."""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream of that name."""
    text = "/".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for `names`, such as `stream(7, "fold 3", "head 7")`."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, *names)))

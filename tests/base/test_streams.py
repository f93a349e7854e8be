from __future__ import annotations

import numpy as np

from leukolab.base.streams import stream, stream_seed


def test_streams_are_pinned_for_ever() -> None:
    assert stream_seed(7, "fold 3", "head 7") == 7155870080008803136
    assert stream(7, "fold 3", "head 7").integers(0, 1000, 4).tolist() == [244, 927, 766, 610]


def test_streams_depend_on_seed_and_name_only() -> None:
    first = stream(7, "order").random(5)
    stream(7, "something else").random(1000)
    np.random.default_rng(0).random(10)
    assert (stream(7, "order").random(5) == first).all()
    assert not np.allclose(stream(8, "order").random(5), first)
    assert not np.allclose(stream(7, "order", 1).random(5), first)


def test_streams_of_two_names_are_unrelated() -> None:
    one, other = stream(7, "fold 1").normal(size=20_000), stream(7, "fold 2").normal(size=20_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_a_seed_fits_into_63_bits() -> None:
    seeds = [stream_seed(1, number) for number in range(200)]
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)

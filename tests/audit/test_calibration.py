from __future__ import annotations

import numpy as np
import pytest

from leukolab.audit.calibration import UNCALIBRATED, Calibration
from leukolab.audit.calibration import calibrate as calibrate_from

FLOOR = 0.25


def calibrate(scores: np.ndarray, known_false: int, searched: int) -> Calibration:
    return calibrate_from(scores, known_false, searched, FLOOR)


def tail(count: int, scale: float, seed: int) -> np.ndarray:
    """The most similar of `count` false pairs whose arctanh has an exponential tail above 0."""
    return np.sort(np.tanh(np.random.default_rng(seed).exponential(scale, count)))[::-1]


def test_the_threshold_lets_the_expected_number_of_false_pairs_through() -> None:
    def passed(seed: int) -> int:
        learnt = calibrate(tail(100_000, 0.06, seed), 100_000, 100_000)
        return int(np.count_nonzero(tail(100_000, 0.06, seed + 500) >= learnt.threshold))

    assert np.mean([passed(seed) for seed in range(60)]) < 0.3
    scale = calibrate(tail(100_000, 0.06, 0), 100_000, 100_000)
    assert scale.threshold == pytest.approx(np.tanh(0.06 * np.log(100_000 / 0.05)), abs=0.06)
    assert scale.doubt(np.array([scale.threshold]))[0] == pytest.approx(0.05)


def test_true_twins_in_the_tail_hardly_move_it() -> None:
    clean = tail(100_000, 0.06, 1)
    spoilt = np.concatenate([np.full(15, 0.99), clean])
    assert abs(calibrate(spoilt, 100_000, 100_000).threshold - calibrate(clean, 100_000, 100_000).threshold) < 0.05


def test_more_pairs_need_a_higher_threshold() -> None:
    scores = tail(100_000, 0.06, 2)
    thresholds = [calibrate(scores, 100_000, searched).threshold for searched in (10_000, 100_000, 1_000_000)]
    assert thresholds == sorted(set(thresholds))


def test_with_nothing_to_learn_from_it_is_fixed_and_never_under_the_floor() -> None:
    assert calibrate(np.zeros(0), 0, 500).threshold == UNCALIBRATED
    assert calibrate(np.full(8, 0.9), 80, 500).threshold == UNCALIBRATED
    assert calibrate(np.full(200, 0.01), 10_000, 500).threshold == FLOOR
    fixed = calibrate(np.zeros(0), 0, 500)
    assert fixed.doubt(np.array([0.95]))[0] < fixed.doubt(np.array([0.85]))[0] < 1

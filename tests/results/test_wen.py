import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leukolab.results.wen import wen_mix, wen_weights
from leukolab.stats import calls


def test_weights_by_hand():
    np.testing.assert_allclose(wen_weights(np.array([0.9, 0.6, 0.5])), [0.45, 0.3, 0.25])
    np.testing.assert_allclose(wen_weights(np.array([0.5, -0.2, 0.5])), [0.5, 0, 0.5])


@pytest.mark.parametrize("scores", [[0.0, 0.0], [-1.0, -0.5], [np.nan, 0.0]])
def test_no_score_above_zero_means_equal_weights(scores):
    np.testing.assert_array_equal(wen_weights(np.array(scores)), [0.5, 0.5])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=7))
def test_weights_sum_to_one_and_are_not_negative(scores):
    weights = wen_weights(np.array(scores))
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


def test_mix_by_hand():
    probs = np.array([[[0.2, 0.8]], [[0.6, 0.4]]])
    np.testing.assert_allclose(wen_mix(probs, np.array([0.75, 0.25])), [[0.3, 0.7]])


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
def test_members_that_all_say_half_call_class_1(scores):
    probs = np.full((len(scores), 3, 2), 0.5)
    assert (calls(wen_mix(probs, wen_weights(np.array(scores)))) == 1).all()

import numpy as np
import pytest

from leukolab.base.errors import SplitError
from leukolab.splits import class_weights
from leukolab.splits.balance import balanced


def test_class_weights_by_hand():
    np.testing.assert_allclose(class_weights(np.array([0, 0, 0, 1])), [4 / 6, 4 / 2])


def test_class_weights_count_copies():
    labels, copies = np.array([0, 1]), np.array([3, 1])
    np.testing.assert_allclose(class_weights(labels, copies), class_weights(np.repeat(labels, copies)))


def test_a_class_without_images_has_no_weight():
    with pytest.raises(SplitError, match="none of class 2"):
        class_weights(np.array([0, 1]), classes=3)


def test_balancing_copies_nobody_a_second_time_before_all_once():
    labels = np.array([0] * 7 + [1] * 50)
    items = balanced(np.arange(57), labels, 17, np.random.default_rng(0))
    counts = np.bincount(items, minlength=57)
    assert sorted(counts[:7]) == [2, 2, 2, 2, 3, 3, 3]
    assert counts[7:].sum() == 17
    assert counts[7:].max() == 1

from __future__ import annotations

import numpy as np
import pytest
import torch

from leukolab.base.errors import SpecError
from leukolab.engine.output import Sigmoid, Softmax, output_count, output_layer


def test_the_number_of_logits_decides() -> None:
    assert (output_count("sigmoid", 2), output_count("softmax", 2), output_count("softmax", 4)) == (1, 2, 4)
    assert isinstance(output_layer(1), Sigmoid)
    assert isinstance(output_layer(2), Softmax)
    assert [output_layer(output_count(head, 2)).name for head in ("sigmoid", "softmax")] == ["sigmoid", "softmax"]
    with pytest.raises(SpecError, match=r"a sigmoid head has two classes, the data have 4\. Use model\.head=softmax"):
        output_count("sigmoid", 4)


def test_losses_by_hand() -> None:
    labels = torch.tensor([1, 0, 1])
    logits = torch.tensor([[0.0], [2.0], [2.0]])
    expected = [np.log(2), np.log1p(np.exp(2)), np.log1p(np.exp(-2))]
    assert np.allclose(Sigmoid().losses(logits, labels), expected)
    two = torch.cat([torch.zeros_like(logits), logits], dim=1)
    assert np.allclose(Softmax().losses(two, labels), expected), "two classes either way"
    assert Softmax().losses(torch.zeros(1, 4), torch.tensor([3]))[0] == pytest.approx(np.log(4))


def test_a_half_is_class_one() -> None:
    assert Sigmoid().called(torch.tensor([[0.0], [-1e-6], [1e-6]])).tolist() == [1, 0, 1]
    assert Softmax().called(torch.tensor([[0.0, 1.0, -1.0]])).tolist() == [1]


def test_probabilities_of_both_heads() -> None:
    sigmoid = Sigmoid().probabilities(torch.tensor([[0.0], [2.0], [-200.0]]))
    assert sigmoid.dtype == np.float32
    assert sigmoid[0].tolist() == [0.5, 0.5]
    assert np.allclose(sigmoid[1], [1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])
    assert (sigmoid >= 0).all()
    assert np.allclose(sigmoid.sum(axis=1), 1)
    softmax = Softmax().probabilities(torch.tensor([[0.0, 0.0, np.log(2)]]))
    assert np.allclose(softmax, [[0.25, 0.25, 0.5]])

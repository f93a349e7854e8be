from __future__ import annotations

import pytest

from leukolab.base.errors import SpecError
from leukolab.plan import Target, read_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("auto", Target("local", 0)),
        ("local", Target("local", 1)),
        ("local:1", Target("local", 1)),
        ("local:12", Target("local", 12)),
        ("ray", Target("ray")),
        ("ray://auto", Target("ray", address="auto")),
        ("ray:auto", Target("ray", address="auto")),
        ("ray://head.example:6379", Target("ray", address="head.example:6379")),
    ],
)
def test_what_the_text_means(text: str, target: Target) -> None:
    assert read_target(text) == target


@pytest.mark.parametrize("text", ["", "local:0", "local:-1", "local:two", "ray:", "ray://", "rai://auto", "slurm"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_target(text)
    sentence = str(caught.value)
    assert sentence.startswith("on: expected one of auto, local, local:N (N processes), ray ")
    assert f"got '{text}'" in sentence


def test_the_nearest_is_offered() -> None:
    with pytest.raises(SpecError, match="Did you mean 'ray://auto'"):
        read_target("rai://auto")

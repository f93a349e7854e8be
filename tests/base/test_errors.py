from __future__ import annotations

import pytest

from leukolab.base import errors
from leukolab.base.errors import LeukolabError, nearest


def test_every_error_of_the_room_stands_under_the_one_root_and_in_its_drawing() -> None:
    kinds = [kind for name, kind in vars(errors).items() if name.endswith("Error")]
    assert len(kinds) > 5
    assert all(issubclass(kind, LeukolabError) for kind in kinds)
    assert all(kind.__name__ in str(errors.__doc__) for kind in kinds)


@pytest.mark.parametrize(
    ("name", "said"),
    [("subtype", "Did you mean 'subtypes'?"), ("wenn", "Did you mean 'wen'?"), ("zzzzzz", "Known: subtypes, wen.")],
)
def test_the_nearest_name_is_offered(name: str, said: str) -> None:
    assert nearest(name, ["wen", "subtypes"]) == said


def test_long_lists_are_cut_short() -> None:
    said = nearest("zzz", [f"name {number:04}" for number in range(1500)])
    assert said.endswith("name 0019, and 1,480 more.")

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from leukolab.base.keys import canonical_json, content_key, digest, file_digest


def test_the_order_of_keys_does_not_matter() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest([1, 2]) != digest([2, 1])


def test_canonical_json_is_pinned() -> None:
    assert canonical_json({"b": [1, 2.5, None, True], "a": "ä"}) == '{"a":"ä","b":[1,2.5,null,true]}'
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"x": [number]})


@pytest.mark.parametrize("value", [Path("x"), np.arange(3), {1, 2}, b"x"])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        digest({"x": value})


def test_a_key_depends_on_everything_it_names() -> None:
    base = content_key("train", 1, {"pixels": "p"}, {"seed": 1})
    assert base.startswith("train-")
    assert len(base) == len("train-") + 32
    others = [
        content_key("embed", 1, {"pixels": "p"}, {"seed": 1}),
        content_key("train", 2, {"pixels": "p"}, {"seed": 1}),
        content_key("train", 1, {"pixels": "q"}, {"seed": 1}),
        content_key("train", 1, {"pixels": "p"}, {"seed": 2}),
    ]
    assert len({base, *others}) == 5
    assert base == content_key("train", 1, {"pixels": "p"}, {"seed": 1})


def test_a_file_digest_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"cells" * 100_000)
    assert file_digest(path) == hashlib.sha256(b"cells" * 100_000).hexdigest()

from __future__ import annotations

import pytest

from leukolab.base.errors import SpecError
from leukolab.base.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20GB", 20 * 10**9),
        ("1.5 GiB", 3 * 2**29),
        ("500m", 5 * 10**8),
        (" 8gib ", 2**33),
        ("2T", 2 * 10**12),
        ("1kB", 1000),
        ("4096", 4096),
        ("12 B", 12),
        ("0", 0),
    ],
)
def test_sizes_as_people_write_them(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "5 XB", "5 GBs", "1e9", "1.GB", "1,5GB", "5iB", "nan"])
def test_what_is_no_size_says_so(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_size(text, "--to")
    assert str(caught.value) == f"--to: expected a size such as 20GB, 500MB or 8GiB, got '{text}'."


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (999_960, "1.0 MB"),
        (20 * 10**9, "20.0 GB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size_text(count) == text


def test_a_size_shown_can_be_given_again() -> None:
    assert parse_size(size_text(2_500_000_000)) == 2_500_000_000
